// The options of a batch, wherever they come from: command line, environment or file.
#pragma once

#include <spdlog/common.h>

#include <optional>
#include <string>
#include <vector>

#include "drover/cli/input_options.hpp"
#include "drover/core/auto_alloc.hpp"
#include "drover/core/policy.hpp"
#include "drover/core/task.hpp"
#include "drover/exec/function_table.hpp"
#include "drover/journal/durability.hpp"
#include "drover/journal/stored_output.hpp"

namespace CLI {
class App;
}

namespace drover::cli {

/// What to do when the input of a run that is taken up again does not give the tasks that it gave.
enum class ChangedInput {
  refuse,
  follow,  ///< go on behind as many tasks as were taken, whatever they are now
  end,     ///< take no more from it
};

/// How a supervisor tells ranks of their host's slots: for no person to use, and not a setting of the run.
inline constexpr const char* kHostSlotsOption = "--host-slots";
/// How it tells the master of hosts that it is to have groups from: the same.
inline constexpr const char* kOtherHostsOption = "--other-hosts";

struct RunOptions {
  // What to do.
  std::vector<std::string> words;  ///< the command line's, beside options: a task file or a template
  InputFormOptions input;
  bool dry_run = false;

  // Where.
  std::optional<std::uint32_t> num_workers;  ///< local ranks to start, only without a launcher; none: one a core
  std::uint32_t num_slots = 1;
  std::optional<exec::Isolation> isolation;  ///< of a program's functions
  std::uint32_t host_slots = 0;              ///< what a supervisor found for this host; 0: it has not looked
  std::string hosts;                         ///< a:8,b:8
  std::string hostfile;
  std::string other_hosts;  ///< what a supervisor found of them beside this one, as `hosts`

  // How.
  std::string shell;  ///< empty: the one that drover was called from
  std::string workdir;
  std::vector<std::string> env;  ///< NAME=VALUE, or NAME for the value it has here
  core::Duration timeout{};
  core::Duration kill_after = std::chrono::seconds(5);
  core::RetryPolicy retry;
  core::HaltPolicy halt;
  std::optional<std::uint32_t> prefetch;
  core::Duration heartbeat = std::chrono::seconds(1);
  core::Duration lease = std::chrono::seconds(10);

  // How the farm changes.
  core::ScalePolicy scale;
  core::Duration worker_wait = std::chrono::minutes(5);
  std::uint32_t max_worker_kills = 3;
  std::uint32_t max_host_losses = 5;
  unsigned max_rollovers = 3;
  core::Duration time_limit{};    ///< zero: none
  core::Duration time_request{};  ///< zero: as measured
  bool keep_open = false;

  // Jobs that the run submits to Slurm.
  bool auto_alloc = false;
  bool auto_alloc_dry_run = false;
  core::AutoAllocPolicy alloc;
  std::string sbatch_options;  ///< words between spaces
  std::uint32_t most_node_hours = 24;

  // What is seen.
  bool keep_order = false;
  bool tag = false;
  bool line_buffer = false;
  bool quiet = false;
  bool is_terminal_anothers = false;  ///< a program's own: of drover it sees only the outputs of its tasks
  bool json = false;
  bool no_progress = false;
  std::string output_dir;
  journal::OutputLayout output_layout = journal::OutputLayout::combined;
  std::string run_dir;

  // How it is kept, and taken up again.
  journal::Durability durability = journal::Durability::normal;
  spdlog::level::level_enum log_level = spdlog::level::info;
  bool continues = false;      ///< the run in run_dir, if there is one, is the one to resume
  bool is_begun_here = false;  ///< there was none when the supervisor looked: if there is one now, it is another's
  std::string resume;          ///< directory of a run
  std::string resume_failed;   ///< the same, and tasks that failed run again
  std::string rerun;           ///< SQL condition: so do these
  bool without_lost_outputs = false;  ///< go on though some are not there any more
  ChangedInput changed_input = ChangedInput::refuse;
  // The supervisor's word:
  bool is_stdin_same = false;  ///< standard input still is what the run was started with
  bool is_rollover = false;    ///< standard output is what the session before had
  std::string joblog_import;

  /// Nothing is said of how the run goes, and of its end only what is news.
  [[nodiscard]] bool is_silent() const { return quiet || is_terminal_anothers; }
  [[nodiscard]] bool submits_jobs() const { return auto_alloc || auto_alloc_dry_run; }
  [[nodiscard]] bool is_resume() const { return !resume.empty() || !resume_failed.empty(); }
  [[nodiscard]] const std::string& resumed_dir() const { return resume.empty() ? resume_failed : resume; }
};

/// How the supervisor says so; not for users.
inline constexpr const char* kBegunHereOption = "--begun-here";
inline constexpr const char* kSameStdinOption = "--same-stdin";
inline constexpr const char* kRolloverOption = "--rollover";

/// Declares all of them on a subcommand, with their help and their limits. `options` outlives it.
void declare_run_options(CLI::App& app, RunOptions& options);

/// Those that are not about commands to run: for a program that makes its tasks itself.
void declare_program_options(CLI::App& app, RunOptions& options);

/// The one of them that each worker rank must know as it starts.
void declare_isolation(CLI::App& app, std::optional<exec::Isolation>& isolation);
/// How it is told of one that somebody chose.
[[nodiscard]] std::vector<std::string> isolation_arguments(std::optional<exec::Isolation> isolation);

/// `never`, `soon,fail=1`, `now,fail=10%`, also with `success` or `done`. Throws UsageError.
[[nodiscard]] core::HaltPolicy parse_halt(const std::string& text);

/// Checks what no single option shows. Throws UsageError naming the options.
void check_run_options(const RunOptions& options);

}  // namespace drover::cli
