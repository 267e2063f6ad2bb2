#include "drover/cli/run_options.hpp"

#include <CLI/CLI.hpp>
#include <algorithm>
#include <charconv>
#include <cstdlib>
#include <sstream>
#include <thread>

#include "drover/cli/log_level.hpp"
#include "drover/cli/run_words.hpp"
#include "drover/support/duration.hpp"
#include "drover/support/error.hpp"

namespace drover::cli {

namespace {

/// A check of a directory: what is wrong with it.
std::string not_empty(const std::string& directory) {
  return directory.empty() ? "expected a directory, not an empty word" : "";
}

using support::exact_duration;
using support::parse_duration;

constexpr const char* kWhatGroup = "What to run";
constexpr const char* kHowGroup = "How to run it";
constexpr const char* kFarmGroup = "How the farm changes";
constexpr const char* kAllocGroup = "Jobs that it submits to Slurm";
constexpr const char* kRecordGroup = "How it is kept, and taken up again";
constexpr const char* kOutputGroup = "What to see of it";
constexpr std::uint32_t kMostWorkers = 4096;
constexpr std::uint32_t kMostSlots = 4096;
constexpr std::uint32_t kMostCounted = 1'000'000;
constexpr std::uint32_t kMostRespawns = 20;

/// An option whose text `parse` turns into a value; what it rejects is reported with its name.
template <class Parse>
CLI::Option* add_parsed(CLI::App& app, const std::string& name, const std::string& default_text, Parse parse,
                        const std::string& description) {
  return app
      .add_option_function<std::string>(
          name,
          [name = name.substr(name.find("--"), name.find(',', name.find("--")) - name.find("--")),
           parse](const std::string& text) {
            try {
              parse(text);
            } catch (const UsageError& e) {
              throw CLI::ValidationError(name, e.what());
            }
          },
          description)
      ->default_str(default_text);
}

CLI::Option* add_duration(CLI::App& app, const std::string& name, core::Duration& value,
                          const std::string& description) {
  return add_parsed(
             app, name, exact_duration(value), [&value](const std::string& text) { value = parse_duration(text); },
             description)
      ->type_name("DURATION");
}

/// A whole number from `least` to `most`; `expected` is what the message calls it.
std::uint32_t parse_count(const std::string& text, std::uint32_t least, std::uint32_t most,
                          const std::string& expected) {
  std::uint32_t value = 0;
  const char* const end = text.data() + text.size();
  const auto parsed = std::from_chars(text.data(), end, value);
  if (parsed.ec != std::errc{} || parsed.ptr != end || value < least || value > most)
    throw UsageError("'" + text + "' is not " + expected);
  return value;
}

std::string default_text(std::uint64_t value) {
  return std::to_string(value);
}
std::string default_text(const std::optional<std::uint32_t>& value) {
  return value ? std::to_string(*value) : "";
}

/// `value` is a number or an optional one, and has its default already.
template <class Value>
CLI::Option* add_count(CLI::App& app, const std::string& name, Value& value, std::uint32_t least, std::uint32_t most,
                       const std::string& description) {
  const std::string expected = "a number from " + std::to_string(least) + " to " + std::to_string(most);
  return add_parsed(
             app, name, default_text(value),
             [&value, least, most, expected](const std::string& text) {
               value = parse_count(text, least, most, expected);
             },
             description)
      ->type_name("N");
}

/// A number, or what it is of this machine's cores: N%, +N, -N.
std::uint32_t parse_workers(const std::string& text) {
  const std::uint32_t num_cores = std::max(1U, std::thread::hardware_concurrency());
  const std::string expected = "a number from 0 to " + std::to_string(kMostWorkers) + ", or N%, +N, -N of the cores";
  if (text.ends_with('%')) {
    const std::uint32_t percent = parse_count(text.substr(0, text.size() - 1), 1, 100 * kMostWorkers, expected);
    return std::clamp(num_cores * percent / 100, 1U, kMostWorkers);
  }
  if (!text.starts_with('+') && !text.starts_with('-')) return parse_count(text, 0, kMostWorkers, expected);
  const std::uint32_t change = parse_count(text.substr(1), 0, kMostWorkers, expected);
  if (text.front() == '-') return num_cores > change ? num_cores - change : 1;
  return std::min(num_cores + change, kMostWorkers);
}

CLI::Option* add_workers(CLI::App& app, std::optional<std::uint32_t>& value, const std::string& description) {
  return add_parsed(
             app, "-j,-P,--workers,--jobs,--max-procs", default_text(value),
             [&value](const std::string& text) { value = parse_workers(text); }, description)
      ->type_name("N");
}

void declare_input(CLI::App& app, RunOptions& options) {
  declare_splitting(app);
  declare_input_form(app, options.input);
  app.add_flag("--dry-run,--dryrun", options.dry_run, "Print the commands instead of running them")->group(kWhatGroup);
  // Of GNU parallel's options, those that ask for what is done anyhow.
  for (const char* name : {"--gnu", "--will-cite", "--no-notice", "--group", "--bar", "--eta", "--progress", "--plain"})
    app.add_flag(name)->group("");
}

void declare_execution(CLI::App& app, RunOptions& options) {
  add_workers(app, options.num_workers,
              "Worker ranks to start on this machine when no launcher (mpirun, srun) did; 0: they will join\n"
              "later; N%, +N, -N: of the cores; default: one a core; with several hosts, or in a Slurm job: on each, "
              "default one")
      ->group(kHowGroup);
  add_count(app, "--slots", options.num_slots, 1, kMostSlots,
            "Commands at once on each worker rank; with several hosts, or in a Slurm job, default: a host's slots")
      ->group(kHowGroup);
  app.add_option(kHostSlotsOption, options.host_slots)->group("");
  app.add_option(kOtherHostsOption, options.other_hosts)->group("");
  app.add_option("--hosts", options.hosts,
                 "Start workers there (by ssh), as a:8,b:8; default: this machine, or the nodes of the Slurm job")
      ->type_name("HOSTS")
      ->group(kHowGroup);
  app.add_option("--hostfile", options.hostfile, "The same, as Open MPI has it: a host and slots=N a line")
      ->type_name("FILE")
      ->group(kHowGroup);
  app.add_option("--shell", options.shell,
                 "Interpreter of commands that need one; default: the shell that drover was called from, if that is\n"
                 "bash, zsh, ksh or dash, else /bin/sh")
      ->type_name("PROGRAM")
      ->group(kHowGroup);
  app.add_option("--workdir,--wd", options.workdir, "Directory to run commands in")
      ->check(not_empty, "")
      ->type_name("DIR")
      ->group(kHowGroup);
  app.add_option("--env", options.env, "Set a variable for the commands; without =VALUE: as it is here")
      ->type_name("NAME[=VALUE]")
      ->allow_extra_args(false)
      ->group(kHowGroup);
  add_duration(app, "--timeout", options.timeout, "End a command that takes longer; 0: none")->group(kHowGroup);
  add_duration(app, "--kill-after", options.kill_after, "KILL what has not ended this long after TERM")
      ->group(kHowGroup);
  add_count(app, "--retries", options.retry.max_retries, 0, kMostCounted, "Try a failing command this often again")
      ->group(kHowGroup);
  add_duration(app, "--retry-delay", options.retry.first_delay, "Pause before the first retry; doubles each time")
      ->group(kHowGroup);
  add_parsed(
      app, "--halt,--halt-on-error", "never", [&options](const std::string& text) { options.halt = parse_halt(text); },
      "Give up early: never, or soon|now,fail|success|done=N|N%; 'now' ends what runs")
      ->type_name("POLICY")
      ->group(kHowGroup);
  add_parsed(
      app, "--prefetch", "auto",
      [&options](const std::string& text) {
        options.prefetch.reset();
        if (text != "auto") options.prefetch = parse_count(text, 0, kMostCounted, "a number of tasks or 'auto'");
      },
      "Tasks that a worker may hold ahead for each slot; 0: one task to an idle slot only")
      ->type_name("N|auto")
      ->group(kHowGroup);
  add_duration(app, "--heartbeat", options.heartbeat, "How often each worker says that it is alive")->group(kHowGroup);
  add_duration(app, "--lease", options.lease, "How long to trust a worker that says nothing")->group(kHowGroup);
}

void declare_farm(CLI::App& app, RunOptions& options) {
  app.add_flag("--keep-open", options.keep_open,
               "When all is done, wait for 'drover submit' until 'drover close' is called")
      ->group(kFarmGroup);
  add_count(app, "--max-workers", options.scale.max_workers, 0, kMostWorkers,
            "Start more workers on this host when tasks wait, up to so many in all; 0: never")
      ->group(kFarmGroup);
  add_count(app, "--scale-when", options.scale.backlog, 1, kMostCounted,
            "Do so when this many tasks wait for each worker to add")
      ->group(kFarmGroup);
  add_duration(app, "--scale-cool-down", options.scale.cool_down, "Pause between two such growths")->group(kFarmGroup);
  add_count(app, "--respawn", options.scale.max_respawns, 0, kMostCounted,
            "Replace workers that were lost on this host, so many over the run")
      ->group(kFarmGroup);
  add_duration(app, "--respawn-delay", options.scale.respawn_delay,
               "Pause before that; doubles with each loss in a row")
      ->group(kFarmGroup);
  add_parsed(
      app, "--idle-timeout", "never",
      [&options](const std::string& text) {
        options.scale.idle_timeout.reset();
        if (text != "never") options.scale.idle_timeout = parse_duration(text);
      },
      "Let a group go that joined later and had nothing to do for so long")
      ->type_name("DURATION|never")
      ->group(kFarmGroup);
  add_duration(app, "--worker-wait", options.worker_wait, "How long a run without workers waits for some")
      ->group(kFarmGroup);
  add_count(app, "--max-worker-kills", options.max_worker_kills, 1, kMostCounted,
            "Set a task aside that was running in so many workers as they died")
      ->group(kFarmGroup);
  add_count(app, "--max-host-losses", options.max_host_losses, 0, kMostCounted,
            "Give no more work to a host that lost so many workers in a row; 0: always")
      ->group(kFarmGroup);
  add_count(app, "--max-rollovers", options.max_rollovers, 0, kMostCounted,
            "Start the MPI job again so often when it dies before the batch is over")
      ->group(kFarmGroup);
  add_duration(app, "--time-limit", options.time_limit,
               "Stop in time, and leave the run resumable; 0: none.\n"
               "A Slurm job's own limit counts too")
      ->group(kFarmGroup);
  add_duration(app, "--time-request", options.time_request, "What a task may take, for the time limit; 0: as measured")
      ->group(kFarmGroup);
}

void declare_auto_alloc(CLI::App& app, RunOptions& options) {
  core::AutoAllocPolicy& alloc = options.alloc;
  app.add_flag("--auto-alloc", options.auto_alloc,
               "Submit jobs whose nodes join the run while tasks wait, and cancel them at its end")
      ->group(kAllocGroup);
  app.add_flag("--auto-alloc-dry-run", options.auto_alloc_dry_run, "Say what would be submitted, and submit nothing")
      ->group(kAllocGroup);
  app.add_option("--auto-alloc-sbatch", options.sbatch_options,
                 "Options for sbatch, between spaces, such as '--partition=long --cpus-per-task=16';\n"
                 "default: as the job of the run has them")
      ->type_name("OPTIONS")
      ->group(kAllocGroup);
  add_duration(app, "--auto-alloc-when", alloc.patience, "Do so when tasks have kept waiting for so long")
      ->group(kAllocGroup);
  add_count(app, "--auto-alloc-nodes", alloc.num_nodes, 1, kMostWorkers, "Nodes of each job")->group(kAllocGroup);
  add_duration(app, "--auto-alloc-time", alloc.job_limit, "Time limit of each job, in whole minutes")
      ->group(kAllocGroup);
  add_count(app, "--auto-alloc-jobs", alloc.max_jobs, 1, kMostWorkers, "Jobs at a time; at most one of them waits")
      ->group(kAllocGroup);
  add_count(app, "--auto-alloc-node-hours", options.most_node_hours, 1, kMostCounted,
            "What all jobs of the run may use, their limits counted in advance")
      ->group(kAllocGroup);
  add_count(app, "--auto-alloc-tries", alloc.max_tries, 1, kMostCounted,
            "Submissions over the whole run, with those that fail")
      ->group(kAllocGroup);
}

void declare_output(CLI::App& app, RunOptions& options) {
  app.add_flag("-k,--keep-order", options.keep_order, "Print outputs in the order of the input")->group(kOutputGroup);
  app.add_option("--tagstring", options.input.tagstring,
                 "Begin each line with this and a tab; may have {} and its like")
      ->type_name("TEMPLATE")
      ->group(kOutputGroup);
  app.add_flag("--tag", options.tag, "Begin each line of output with the task's arguments and a tab")
      ->group(kOutputGroup);
  app.add_flag("-u,--line-buffer,--lb,--linebuffer,--ungroup", options.line_buffer,
               "Print lines as they come, not a task's output as a whole")
      ->group(kOutputGroup);
  app.add_option("--output-dir", options.output_dir, "Put outputs in files there instead of printing them")
      ->check(not_empty, "")
      ->type_name("DIR")
      ->group(kOutputGroup);
  add_parsed(
      app, "--output-files", "combined",
      [&options](const std::string& text) {
        if (text != "combined" && text != "per-task") throw UsageError("'" + text + "' is not combined or per-task");
        options.output_layout = text == "combined" ? journal::OutputLayout::combined : journal::OutputLayout::per_task;
      },
      "Few files for all outputs, or files for each task")
      ->type_name("combined|per-task")
      ->group(kOutputGroup);
  app.add_flag("--quiet", options.quiet, "Print no outputs, no progress, and a summary only if something failed")
      ->group(kOutputGroup);
  app.add_flag("--json", options.json, "Print events as JSON lines instead of outputs")->group(kOutputGroup);
  app.add_flag("--no-progress", options.no_progress, "No progress line on the terminal")->group(kOutputGroup);
  app.add_option("--run-dir", options.run_dir, "Directory of the run; default: drover-runs/<time>-<id>")
      ->check(not_empty, "")
      ->type_name("DIR")
      ->group(kOutputGroup);
}

journal::Durability parse_durability(const std::string& text) {
  if (text == "full") return journal::Durability::full;
  if (text == "normal") return journal::Durability::normal;
  if (text == "off") return journal::Durability::off;
  throw UsageError("'" + text + "' is not full, normal or off");
}

ChangedInput parse_changed_input(const std::string& text) {
  if (text == "refuse") return ChangedInput::refuse;
  if (text == "follow") return ChangedInput::follow;
  if (text == "end") return ChangedInput::end;
  throw UsageError("'" + text + "' is not refuse, follow or end");
}

void declare_durability(CLI::App& app, RunOptions& options) {
  add_parsed(
      app, "--durability", "normal",
      [&options](const std::string& text) { options.durability = parse_durability(text); },
      "What a crash may lose of what was shown: full: nothing, not even when the power fails;\n"
      "normal: nothing when processes die, the last seconds when the power fails;\n"
      "off: the last second when the master dies (those tasks run again)")
      ->type_name("full|normal|off")
      ->group(kRecordGroup);
}

void declare_log_level(CLI::App& app, RunOptions& options) {
  add_parsed(
      app, "--log-level", "info", [&options](const std::string& text) { options.log_level = parse_log_level(text); },
      "The least that drover.log is to keep: info, warn or error")
      ->type_name("info|warn|error")
      ->group(kRecordGroup);
}

/// What a program's run knows too.
void declare_taking_up(CLI::App& app, RunOptions& options) {
  app.add_flag("--continue", options.continues,
               "If --run-dir has a run of these tasks already, go on with it: one command to begin a run and to\n"
               "take it up again")
      ->group(kRecordGroup);
  app.add_option("--resume", options.resume, "Go on with the run in this directory, as it was started")
      ->type_name("DIR")
      ->group(kRecordGroup);
  app.add_flag(kRolloverOption, options.is_rollover)->group("");
  app.add_option("--resume-failed", options.resume_failed, "The same, and run those that failed again")
      ->type_name("DIR")
      ->group(kRecordGroup);
  app.add_option("--rerun", options.rerun,
                 "With --resume: run these again too, as in \"host = 'n7' AND runtime < 1\" (see the view 'tasks')")
      ->type_name("SQL")
      ->group(kRecordGroup);
  app.add_flag("--without-lost-outputs", options.without_lost_outputs,
               "With --resume: go on though outputs that are on record have been deleted or damaged")
      ->group(kRecordGroup);
}

void declare_record(CLI::App& app, RunOptions& options) {
  declare_durability(app, options);
  declare_log_level(app, options);
  declare_taking_up(app, options);
  app.add_flag(kSameStdinOption, options.is_stdin_same)->group("");
  app.add_flag(kBegunHereOption, options.is_begun_here)->group("");
  add_parsed(
      app, "--changed-input", "refuse",
      [&options](const std::string& text) { options.changed_input = parse_changed_input(text); },
      "With --resume: when the input does not begin with the tasks that the run has: refuse; follow it\n"
      "behind as many tasks as the run has; or end it, and run only what the run has")
      ->type_name("refuse|follow|end")
      ->group(kRecordGroup);
  app.add_option("--joblog-import", options.joblog_import,
                 "Do not run again what succeeded according to this job log of GNU parallel or drover")
      ->type_name("FILE")
      ->group(kRecordGroup);
}

}  // namespace

void declare_run_options(CLI::App& app, RunOptions& options) {
  options.scale.max_respawns = kMostRespawns;
  declare_input(app, options);
  declare_execution(app, options);
  declare_farm(app, options);
  declare_auto_alloc(app, options);
  declare_output(app, options);
  declare_record(app, options);
}

void declare_isolation(CLI::App& app, std::optional<exec::Isolation>& isolation) {
  add_parsed(
      app, "--isolation", "",
      [&isolation](const std::string& text) {
        if (text != "thread" && text != "process") throw UsageError("'" + text + "' is not thread or process");
        isolation = text == "process" ? exec::Isolation::process : exec::Isolation::thread;
      },
      "Execute functions on threads of the worker, or each in a process of its own")
      ->type_name("thread|process")
      ->group(kHowGroup);
}

std::vector<std::string> isolation_arguments(std::optional<exec::Isolation> isolation) {
  if (!isolation) return {};
  return {"--isolation", *isolation == exec::Isolation::process ? "process" : "thread"};
}

void declare_program_options(CLI::App& app, RunOptions& options) {
  options.scale.max_respawns = kMostRespawns;
  declare_execution(app, options);
  declare_isolation(app, options.isolation);
  declare_farm(app, options);
  declare_auto_alloc(app, options);
  declare_output(app, options);
  declare_durability(app, options);
  declare_log_level(app, options);
  declare_taking_up(app, options);
}

core::HaltPolicy parse_halt(const std::string& text) {
  using Halt = core::HaltPolicy;
  const UsageError error("'" + text +
                         "' is not a halt policy; expected never, or for example soon,fail=1 or now,fail=10%");
  if (text == "never" || text == "0") return {};
  if (text == "1" || text == "2") return parse_halt((text == "1" ? "soon" : "now") + std::string(",fail=1"));
  if (text == "-1" || text == "-2") return parse_halt((text == "-1" ? "soon" : "now") + std::string(",success=1"));
  if (text.ends_with('%') && text.find(',') == std::string::npos) return parse_halt("soon,fail=" + text);
  const auto comma = text.find(',');
  const auto equals = text.find('=', comma == std::string::npos ? 0 : comma);
  if (comma == std::string::npos || equals == std::string::npos) throw error;
  Halt halt;
  const std::string when = text.substr(0, comma);
  const std::string what = text.substr(comma + 1, equals - comma - 1);
  std::string amount = text.substr(equals + 1);
  if (when != "soon" && when != "now") throw error;
  halt.when = when == "soon" ? Halt::When::soon : Halt::When::now;
  if (what != "fail" && what != "success" && what != "done") throw error;
  halt.what = what == "fail" ? Halt::What::fail : what == "success" ? Halt::What::success : Halt::What::done;
  const bool is_percent = amount.ends_with('%');
  if (is_percent) amount.pop_back();
  if (amount.empty() || amount.find_first_not_of("0123456789") != std::string::npos || amount.size() > 15) throw error;
  const std::uint64_t value = std::strtoull(amount.c_str(), nullptr, 10);
  if (value == 0 || (is_percent && value > 100)) throw error;
  if (is_percent)
    halt.percent = static_cast<double>(value);
  else
    halt.num = value;
  return halt;
}

namespace {

/// What is said in another way, and what would hide a job from its run.
void check_sbatch_options(const RunOptions& options) {
  std::istringstream words(options.sbatch_options);
  for (std::string word; words >> word;) {
    const std::string name = word.starts_with("--") ? word.substr(0, word.find('=')) : word.substr(0, 2);
    const auto is_any_of = [&name](std::initializer_list<std::string_view> names) {
      return std::find(names.begin(), names.end(), name) != names.end();
    };
    if (is_any_of({"--nodes", "-N", "--time", "-t"}))
      throw UsageError("--auto-alloc-sbatch '" + word + "': say it by " +
                       (is_any_of({"--nodes", "-N"}) ? "--auto-alloc-nodes" : "--auto-alloc-time"));
    if (is_any_of({"--array", "-a", "--clusters", "-M", "--job-name", "-J"}))
      throw UsageError("--auto-alloc-sbatch '" + word + "': the jobs of a run are known by its name, one by one");
  }
}

}  // namespace

void check_run_options(const RunOptions& options) {
  using namespace std::chrono_literals;
  if (options.heartbeat <= 0ns) throw UsageError("--heartbeat must be longer than 0");
  if (options.lease < 2 * options.heartbeat)
    throw UsageError("--lease " + exact_duration(options.lease) + " must be at least twice --heartbeat " +
                     exact_duration(options.heartbeat) + ", or live workers are given up");
  if (options.json && options.line_buffer)
    throw UsageError("--json prints events instead of outputs: it cannot be combined with --line-buffer");
  if (!options.resume.empty() && !options.resume_failed.empty())
    throw UsageError("--resume and --resume-failed name a run each: give one of them");
  if (!options.hosts.empty() && !options.hostfile.empty())
    throw UsageError("--hosts and --hostfile name the hosts each: give one of them");
  if (options.continues && !options.is_resume() && options.run_dir.empty())
    throw UsageError("--continue needs --run-dir DIR: where the run is, once it has begun");
  if (options.is_resume() && !options.run_dir.empty())
    throw UsageError("--run-dir is where a new run goes: it cannot be combined with --resume");
  if (options.is_resume() && !options.joblog_import.empty())
    throw UsageError("--joblog-import begins a new run: it cannot be combined with --resume");
  if (!options.is_resume() && !options.rerun.empty()) throw UsageError("--rerun needs --resume DIR");
  if (options.alloc.job_limit < 1min) throw UsageError("--auto-alloc-time must be at least a minute");
  check_sbatch_options(options);
  for (const std::string& variable : options.env)
    if (variable.empty() || variable.front() == '=') throw UsageError("--env '" + variable + "' has no name");
}

}  // namespace drover::cli
