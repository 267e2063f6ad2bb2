#include "drover/cli/run_command.hpp"

#include <sys/stat.h>
#include <unistd.h>

#include <cstdio>
#include <filesystem>
#include <thread>

#include "drover/cli/master_rank.hpp"
#include "drover/cli/open_run.hpp"
#include "drover/cli/standard_streams.hpp"
#include "drover/cli/worker_rank.hpp"
#include "drover/runtime/launcher.hpp"
#include "drover/runtime/ompi_server.hpp"
#include "drover/runtime/supervisor.hpp"
#include "drover/support/error.hpp"
#include "drover/transport/mpi_session.hpp"

namespace drover::cli {

namespace {

/// The command with `{%}` where the number of the job slot will be.
std::string printable(const core::TaskSpec& spec) {
  std::string text = spec.payload;
  for (auto mark = spec.slot_marks.rbegin(); mark != spec.slot_marks.rend(); ++mark) text.insert(*mark, "{%}");
  return text;
}

int dry_run(const RunInvocation& invocation) {
  const std::unique_ptr<runtime::TaskSource> source = open_input(input_options(invocation), STDIN_FILENO);
  for (auto state = runtime::TaskSource::State::more; state != runtime::TaskSource::State::end;) {
    const runtime::TaskSource::Batch batch = source->pull(256);
    state = batch.state;
    for (const core::TaskSpec& task : batch.tasks) {
      const std::string text = printable(task) + (invocation.options.null_separated ? '\0' : '\n');
      if (std::fwrite(text.data(), 1, text.size(), stdout) != text.size()) throw system_error("cannot print", errno);
    }
    if (state != runtime::TaskSource::State::would_block) continue;
    check_printed();
    wait_readable(source->wait_fd());
  }
  check_printed();
  return 0;
}

/// `drover run <(generate)`: the ranks do not inherit the descriptor, but can open it by way of this process.
std::string reachable(const std::string& word) {
  for (const std::string prefix : {"/dev/fd/", "/proc/self/fd/"})
    if (word.starts_with(prefix) && word.find_first_not_of("0123456789", prefix.size()) == std::string::npos)
      return "/proc/" + std::to_string(::getpid()) + "/fd/" + word.substr(prefix.size());
  return word;
}

/// The arguments for the ranks: those that may be files are named so that they can be opened there.
std::vector<std::string> arguments_for_ranks(const std::vector<std::string>& args) {
  std::vector<std::string> words;
  bool may_be_file = true;
  for (const std::string& word : args) {
    if (word == ":::" || word == "::::") may_be_file = word == "::::";
    words.push_back(may_be_file ? reachable(word) : word);
  }
  return words;
}

/// Starts ranks on this machine, and starts them again from the journal if their MPI job dies.
int run_locally(const RunInvocation& invocation) {
  runtime::LocalLaunch launch;
  launch.num_workers = invocation.options.num_workers.value_or(std::max(1U, std::thread::hardware_concurrency()));
  launch.program = std::filesystem::read_symlink("/proc/self/exe").string();
  launch.args = arguments_for_ranks(invocation.args);
  if (invocation.resumed)
    launch.args.insert(launch.args.end(), {"--slots", std::to_string(invocation.options.num_slots)});
  launch.is_open_mpi_5 = transport::is_open_mpi_5();
  std::optional<runtime::OmpiServer> server;
  if (!launch.is_open_mpi_5) launch.ompi_server = server.emplace().uri();
  runtime::SupervisorPlan plan;
  plan.start = runtime::mpirun_command(launch);
  // A program would have to submit the same tasks again: it is not started anew behind its back.
  if (invocation.program == nullptr)
    plan.resume = [launch, slots = std::to_string(invocation.options.num_slots),
                   is_stdin_same = !invocation.resumed](const std::string& run_dir) mutable {
      launch.args = {"run", "--resume", run_dir, "--slots", slots};
      if (is_stdin_same) launch.args.emplace_back(kSameStdinOption);
      return runtime::mpirun_command(launch);
    };
  plan.max_rollovers = invocation.options.max_rollovers;
  plan.say = [](const std::string& line) { std::fprintf(stderr, "drover: %s\n", line.c_str()); };
  const runtime::SupervisorResult result = runtime::supervise(plan);
  if (!result.failure.empty()) std::fprintf(stderr, "drover: %s\n", result.failure.c_str());
  return result.exit_status;
}

}  // namespace

int run(const RunInvocation& invocation) {
  check_run_options(invocation.options);
  const bool is_launched = transport::is_started_by_launcher();
  const bool is_first = transport::launcher_rank() == 0;
  if (invocation.options.dry_run) return is_first ? dry_run(invocation) : 0;
  if (!is_launched && invocation.resumed) {
    if (const std::string finished = look_at_resumed_run(invocation.options); !finished.empty()) {
      std::fprintf(stderr, "drover: %s\n", finished.c_str());
      return 0;
    }
  }
  if (!is_launched) return run_locally(invocation);
  return is_first ? run_master_rank(invocation)
                  : run_worker_rank(invocation.options.num_slots, invocation.program, invocation.options.isolation);
}

}  // namespace drover::cli
