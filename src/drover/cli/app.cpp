#include "drover/cli/app.hpp"

#include <CLI/CLI.hpp>
#include <algorithm>
#include <chrono>
#include <cstdio>
#include <optional>
#include <thread>

#include "drover/cli/client/client_commands.hpp"
#include "drover/cli/config_command.hpp"
#include "drover/cli/exit_status.hpp"
#include "drover/cli/input/input.hpp"
#include "drover/cli/parallel_options.hpp"
#include "drover/cli/records/record_commands.hpp"
#include "drover/cli/run_command.hpp"
#include "drover/cli/run_words.hpp"
#include "drover/cli/standard_streams.hpp"
#include "drover/cli/stored_run.hpp"
#include "drover/cli/version.hpp"
#include "drover/cli/worker_command.hpp"
#include "drover/cli/worker_rank.hpp"
#include "drover/support/error.hpp"
#include "drover/transport/mpi_session.hpp"

namespace drover::cli {

namespace {

/// How long the first rank has to say what is wrong before the others fail for the same.
constexpr std::chrono::seconds kFirstRankHead{1};

constexpr const char* kExamples =
    "Examples:\n"
    "  drover run -j 4 tasks.txt                                one command a line\n"
    "  find . -name '*.h' | drover run -j 4 'sha256sum {}'      a command for each line of input\n"
    "  drover run 'convert {1} -resize {2} {1.}-{2}.png' ::: *.jpg ::: 100 200\n"
    "  mpirun --enable-recovery -n 5 drover run tasks.txt       ranks 1 to 4 are workers\n"
    "\n"
    "Every option --name can also be given as DROVER_NAME in the environment, or as name = value in\n"
    "drover.toml (or the file of --config). Exit status: 0 all tasks succeeded, 1-100 so many failed,\n"
    "101 more, 124 time limit, 125 drover failed or was called wrongly, 130/143 stopped by a signal.\n"
    "Ctrl-C once: nothing more is started, what runs may finish; twice: it is ended. (mpirun's own answer\n"
    "to Ctrl-C is to end its ranks at once.)";

/// A subcommand with the options of a batch.
struct RunSubcommand {
  RunOptions options;
  std::string config;
  CLI::App* app = nullptr;

  void declare(CLI::App& parent, const std::string& name, const std::string& description) {
    app = parent.add_subcommand(name, description);
    app->add_option("--config", config, "File of options; default: drover.toml if there is one")->type_name("FILE");
    declare_run_options(*app, options);
    app->footer(kExamples);
  }
};

/// Where help is to be had on what was tried: `drover run --help`.
std::string help_command(const CLI::App& app) {
  std::string command = "drover ";
  for (const CLI::App* parsed = &app; !parsed->get_subcommands().empty();) {
    parsed = parsed->get_subcommands().front();
    command += parsed->get_name() + " ";
  }
  return command + "--help";
}

/// The parser would only say that it wants a subcommand.
void check_subcommand(const CLI::App& app, const std::vector<std::string>& argv) {
  std::string expected;
  bool is_known = false;
  for (const CLI::App* subcommand : app.get_subcommands([](const CLI::App*) { return true; })) {
    is_known = is_known || (!argv.empty() && subcommand->get_name() == argv.front());
    if (!subcommand->get_group().empty()) expected += (expected.empty() ? "" : ", ") + subcommand->get_name();
  }
  if (argv.empty()) throw UsageError("no subcommand; expected one of " + expected + "; see 'drover --help'");
  const std::string& word = argv.front();
  if (is_known || word.starts_with('-')) return;
  throw UsageError("unknown subcommand '" + word + "'; expected one of " + expected + "; to run it: drover run " +
                   word);
}

/// Returns the exit status if the command line asked for nothing but help or the version.
std::optional<int> parse(CLI::App& app, std::vector<std::string> argv) {
  const std::string first = argv.front();
  std::reverse(argv.begin(), argv.end());  // as CLI11 wants them
  try {
    app.parse(argv);
    return std::nullopt;
  } catch (const CLI::ParseError& e) {
    if (e.get_exit_code() == 0) {                        // --help, --version
      if (transport::launcher_rank() == 0) app.exit(e);  // all ranks were asked: one answers
      check_printed();
      return 0;
    }
    if (app.get_subcommands().empty()) throw UsageError("unknown option '" + first + "'; see 'drover --help'");
    throw UsageError(std::string(e.what()) + "; see '" + help_command(app) + "'");
  }
}

/// Of a subcommand whose options may stand anywhere.
RunWords other_words(const std::vector<std::string>& args) {
  SplitArguments split = split_argument_sources(args);
  return {std::move(split.argv), {}, std::move(split.sources)};
}

int dispatch(const std::vector<std::string>& args, const Program* program) {
  CLI::App app("drover spreads a batch of tasks over MPI ranks.", "drover");
  app.set_version_flag("--version", [] { return version_text(); });
  app.require_subcommand(1);
  RunSubcommand run_subcommand;
  run_subcommand.declare(app, "run", "Run a batch of commands");
  RunSubcommand config_subcommand;
  config_subcommand.declare(app, "config", "Print the effective options of 'run' and where each comes from");
  ClientCommands client_commands(app);
  const RecordCommands record_commands(app);

  WorkerCommandOptions worker_options;
  CLI::App* worker = declare_worker_command(app, worker_options);
  RelayCommandOptions relay_options;
  const CLI::App* relay = declare_relay_command(app, relay_options);
  // Has a program of its own: main() sees to it.
  app.add_subcommand("demo", "Watch a master make a task every second, and workers say what they do");
  CLI::App* help =
      app.add_subcommand("help", "Print this help, or with 'parallel': what became of GNU parallel's options");
  std::string topic;
  help->add_option("topic", topic)->type_name("parallel")->check(CLI::IsMember({"parallel"}));
  // What spawned and joining ranks are started as; not for people.
  CLI::App* worker_rank = app.add_subcommand("worker-rank")->group("");
  std::uint32_t rank_slots = 1;
  worker_rank->add_option("--slots", rank_slots);
  std::optional<exec::Isolation> rank_isolation;
  declare_isolation(*worker_rank, rank_isolation);

  check_subcommand(app, args);
  const bool is_run = args.front() == "run" || args.front() == "config";
  RunWords words = is_run ? split_run_words(*run_subcommand.app, {args.begin() + 1, args.end()}) : other_words(args);
  if (is_run) words.options.insert(words.options.begin(), args.front());
  if (const std::optional<int> status = parse(app, words.options)) return *status;
  run_subcommand.options.words = std::move(words.command);
  if (config_subcommand.app->parsed()) {
    const std::vector<Setting> settings = resolve_settings(*config_subcommand.app);
    if (transport::launcher_rank() == 0) print_config(settings);
    return 0;
  }
  if (help->parsed()) {
    std::fputs((topic.empty() ? app.help() : parallel_table()).c_str(), stdout);
    check_printed();
    return 0;
  }
  if (worker->parsed()) {
    take_environment(*worker);
    return run_worker_command(worker_options, program);
  }
  if (relay->parsed()) return run_relay_command(relay_options);
  if (worker_rank->parsed()) return run_worker_rank(rank_slots, program, rank_isolation);
  if (const std::optional<int> status = client_commands.run(words.sources)) return *status;
  if (const std::optional<int> status = record_commands.run()) return *status;
  continue_if_begun(run_subcommand.options, words.sources);
  std::optional<journal::RunDescription> resumed = take_over_options(*run_subcommand.app, run_subcommand.options);
  std::vector<Setting> settings = resolve_settings(*run_subcommand.app);
  return run({run_subcommand.options, std::move(words.sources), std::move(settings), args, std::move(resumed)});
}

}  // namespace

int run_app(const std::vector<std::string>& args, const Program* program) {
  open_closed_streams();
  try {
    return dispatch(args, program);
  } catch (const std::exception& e) {
    // All ranks were called alike and find the same fault: one says it. The launcher ends it once another has failed.
    if (transport::launcher_rank() == 0)
      std::fprintf(stderr, "drover: %s\n", e.what());
    else
      std::this_thread::sleep_for(kFirstRankHead);
    return kInternalFailure;
  }
}

}  // namespace drover::cli
