// Submits jobs to Slurm whose nodes join the run, as core::AutoAlloc decides, and cancels them when the run
// is over. What a later master of the run must know is in the run directory: auto-alloc.tsv.
#pragma once

#include <filesystem>
#include <functional>
#include <map>
#include <optional>
#include <string>
#include <vector>

#include "drover/core/auto_alloc.hpp"
#include "drover/journal/append_file.hpp"
#include "drover/runtime/child_process.hpp"
#include "drover/runtime/observer.hpp"
#include "drover/runtime/slurm_allocation.hpp"
#include "drover/runtime/slurm_jobs.hpp"

namespace drover::runtime {

struct AutoAllocOptions {
  core::AutoAllocPolicy policy;
  /// Say what would be submitted, and submit nothing.
  bool is_dry_run = false;
  std::filesystem::path run_dir;               ///< absolute
  std::vector<std::string> inherited_options;  ///< of sbatch, from the job of the run
  std::vector<std::string> sbatch_options;     ///< from the user
  std::vector<std::string> worker_command;     ///< what each job executes
  core::Duration poll_interval = std::chrono::seconds(10);
  /// How long sbatch and squeue have to answer.
  core::Duration answer_limit = std::chrono::seconds(60);
  /// How long sbatch has, at the end of the run, to say which job there is to cancel.
  core::Duration last_answer_limit = std::chrono::seconds(5);
};

/// One tool of Slurm's at a time runs beside the thread that calls MPI; nothing blocks but the end.
class AutoAllocator final : public Observer {
 public:
  using Say = std::function<void(const std::string&)>;

  /// `say` is told, in a line, what users should see. Throws drover::Error when the run directory cannot be
  /// written.
  AutoAllocator(AutoAllocOptions options, Say say);
  /// The run is over, unless it was handed over: cancels what was submitted.
  ~AutoAllocator() override;
  AutoAllocator(const AutoAllocator&) = delete;
  AutoAllocator& operator=(const AutoAllocator&) = delete;

  void on_facts(std::span<const core::Fact> facts, core::WallMicros now) override;
  void on_turn(const core::Scheduler& scheduler, core::Time now) override;

  /// Whether workers may come of what was submitted, or will be.
  [[nodiscard]] bool may_bring_workers() const { return !options_.is_dry_run && plan_.may_bring_workers(); }

  /// Another master goes on with the run, and with its jobs.
  void hand_over();

 private:
  /// sbatch or squeue, and how long it has.
  struct Tool {
    ChildProcess process;
    bool is_submission = false;
    core::Time deadline;
  };

  void recall();
  void record(const std::string& line);
  void start(std::vector<std::string> command, bool is_submission, core::Time now);
  void take_answer(core::Time now);
  void take_submission(bool is_good, const std::string& output, core::Time now);
  void take_queue(bool is_good, const std::string& output, core::Time now);
  void submit(const std::string& reason, core::Time now);
  void say_cap(core::Time now);
  void record_end(const core::EndedJob& ended);
  void end();
  [[nodiscard]] WorkerJob job() const;

  AutoAllocOptions options_;
  Say say_;
  Environment environment_ = process_environment();
  core::AutoAlloc plan_;
  std::optional<journal::AppendFile> ledger_;  ///< none in a dry run
  std::optional<Tool> tool_;
  bool is_queue_known_ = false;  ///< since this master began
  bool has_joined_ = false;      ///< some group, since the last turn
  core::Time next_look_{};
  core::Time next_list_{};
  std::map<std::string, std::string> reasons_;  ///< that were told, by job
  std::string told_cap_;
  bool is_handed_over_ = false;
};

/// For the supervisor of a run whose masters are gone, and for a run that has ended: cancels what its
/// masters submitted, if they did. Blocks for some seconds at most. Returns what went wrong; empty: nothing.
[[nodiscard]] std::string cancel_left_jobs(const std::filesystem::path& run_dir);

}  // namespace drover::runtime
