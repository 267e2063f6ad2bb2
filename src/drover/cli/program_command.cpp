#include "drover/cli/program_command.hpp"

#include <CLI/CLI.hpp>
#include <algorithm>
#include <cstdio>

#include "drover/cli/exit_status.hpp"
#include "drover/cli/stored_run.hpp"
#include "drover/support/error.hpp"
#include "drover/transport/mpi_session.hpp"

namespace drover::cli {

ProgramArguments parse_program_arguments(const std::vector<std::string>& args) {
  ProgramArguments parsed;
  RunOptions& options = parsed.invocation.options;
  options.is_terminal_anothers = true;
  CLI::App app;
  app.set_help_flag();
  app.allow_extras();
  std::string config;
  app.add_option("--config", config, "File of options; default: drover.toml if there is one");
  declare_program_options(app, options);
  const auto end = std::find(args.begin(), args.end(), "--");
  std::vector<std::string> reversed(std::make_reverse_iterator(end), args.rend());  // as CLI11 wants them
  try {
    app.parse(reversed);
  } catch (const CLI::ParseError& e) {
    throw UsageError(std::string(e.what()) + "; see 'PROGRAM --drover run --help', and -- ends drover's options");
  }
  parsed.rest = app.remaining();
  if (end != args.end()) parsed.rest.insert(parsed.rest.end(), end + 1, args.end());
  continue_if_begun(options, parsed.invocation.sources);
  parsed.invocation.resumed = take_over_options(app, options);
  parsed.invocation.settings = resolve_settings(app);
  parsed.invocation.args = args;
  return parsed;
}

int run_program(RunInvocation& invocation, const Program& program) {
  invocation.program = &program;
  try {
    return run(invocation);
  } catch (const std::exception& e) {
    if (transport::launcher_rank() == 0) std::fprintf(stderr, "drover: %s\n", e.what());
    return kInternalFailure;
  }
}

}  // namespace drover::cli
