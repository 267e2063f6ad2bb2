// What is said at the end of a run, and how to run again what failed.
#pragma once

#include <cstdint>
#include <filesystem>
#include <fstream>
#include <string>
#include <unordered_map>
#include <vector>

#include "drover/runtime/master_loop.hpp"
#include "drover/runtime/observer.hpp"

namespace drover::cli {

/// Gathers what the summary needs, and writes the commands of the tasks that failed to a file that
/// `drover run -0` takes. Memory is bounded by the tasks under way and the failures that are shown.
class Summary final : public runtime::Observer {
 public:
  /// `failed_tasks` is created with the first failure. Throws Error from on_facts() if it cannot be.
  Summary(std::filesystem::path failed_tasks, core::Time started)
      : failed_tasks_path_(std::move(failed_tasks)), started_(started), changed_(started) {}

  void on_facts(std::span<const core::Fact> facts, core::WallMicros now) override;
  void on_turn(const core::Scheduler& scheduler, core::Time now) override;

  /// Several lines for people, each with its newline: counts, time, utilisation, the first failures
  /// with their last line of stderr, and how to run just those again: `rerun_command` and the file.
  [[nodiscard]] std::string text(const runtime::RunEnd& end, const std::filesystem::path& run_dir,
                                 const std::string& rerun_command) const;

 private:
  struct Unfinished {
    std::string command;  ///< of a function, what it is called
    bool is_command = true;
    std::string host;
    std::string outcome;
    std::string stderr_tail;
  };
  struct Failure {
    core::TaskId task;
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
  void add_failed_task(const std::string& command);
  [[nodiscard]] std::string failures_text() const;

  std::filesystem::path failed_tasks_path_;
  std::ofstream failed_tasks_;
  core::Time started_;
  core::Time changed_;
  std::unordered_map<core::TaskId, Unfinished> unfinished_;
  std::unordered_map<core::WorkerId, std::string> hosts_;
  std::vector<Failure> failures_;
  double busy_seconds_ = 0;
  double slot_seconds_ = 0;
};

}  // namespace drover::cli
