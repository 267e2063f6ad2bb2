// What is said at the end of a run, and how to run again what failed.
#pragma once

#include <cstdint>
#include <filesystem>
#include <optional>
#include <string>
#include <unordered_map>
#include <vector>

#include "drover/runtime/observer.hpp"
#include "drover/runtime/run_end.hpp"

namespace drover::cli {

/// What goes on with a run; empty where nobody can.
struct NextCommands {
  std::string resume;         ///< does what was not done
  std::string resume_failed;  ///< runs again what failed
};

/// Gathers what the summary needs. Memory is bounded by the tasks under way and the failures that are
/// shown.
class Summary final : public runtime::Observer {
 public:
  explicit Summary(core::Time started) : started_(started), changed_(started) {}

  void on_facts(std::span<const core::Fact> facts, core::WallMicros now) override;
  void on_turn(const core::Scheduler& scheduler, core::Time now) override;

  /// Several lines for people, each with its newline: counts, time, utilisation, the first failures
  /// with their last line of stderr, and what to type next. `run_dir` is empty if there is nothing to see.
  [[nodiscard]] std::string text(const runtime::RunEnd& end, const std::filesystem::path& run_dir,
                                 const NextCommands& next) const;

 private:
  /// An attempt that did not succeed.
  struct Attempt {
    std::string host;
    std::string outcome;
    std::string stderr_tail;
  };
  struct Unfinished {
    std::string command;             ///< of a function, what it is called
    std::optional<Attempt> attempt;  ///< the last; none: it was never executed
  };
  struct Failure {
    core::TaskId task;
    core::TaskEnd how;
    Unfinished what;
  };

  void on(const core::fact::TaskAccepted& fact);
  void on(const core::fact::WorkerJoined& fact);
  void on(const core::fact::WorkerEnded& fact);
  void on(const core::fact::AttemptEnded& fact);
  void on(const core::fact::AttemptLost& fact);
  void on(const core::fact::TaskEnded& fact);
  template <class Other>
  void on(const Other&) {}
  [[nodiscard]] std::string failures_text() const;
  [[nodiscard]] static std::string text_of(const Failure& failure);

  core::Time started_;
  core::Time changed_;
  std::unordered_map<core::TaskId, Unfinished> unfinished_;
  std::unordered_map<core::WorkerId, std::string> hosts_;
  std::vector<Failure> failures_;
  double busy_seconds_ = 0;
  double slot_seconds_ = 0;
};

}  // namespace drover::cli
