// `drover worker`: a group of workers that joins a running master, with an mpirun of its own.
#pragma once

#include <optional>
#include <string>

#include "drover/cli/program.hpp"
#include "drover/core/task.hpp"

namespace CLI {
class App;
}

namespace drover::cli {

struct WorkerCommandOptions {
  std::string join;  ///< a run directory, or [USER@]HOST[:RUN_DIR]
  std::optional<unsigned> population;
  std::optional<unsigned> num_slots;
  std::optional<exec::Isolation> isolation;  ///< of a program's functions
  std::string hosts;                         ///< a:8,b:8; empty: this machine, or the nodes of the Slurm job
  core::Duration patience = std::chrono::seconds(30);
  bool rejoin = false;
  std::string log_level;  ///< info, warn or error; empty: warn
};

/// Declares the subcommand. `options` outlives `app`.
CLI::App* declare_worker_command(CLI::App& app, WorkerCommandOptions& options);

/// Serves until the group has left. Returns the exit status. `program`: what its ranks are to be, if not
/// drover.
[[nodiscard]] int run_worker_command(const WorkerCommandOptions& options, const Program* program);

struct RelayCommandOptions {
  std::string run;
};

CLI::App* declare_relay_command(CLI::App& app, RelayCommandOptions& options);

/// Makes standard input and output the control channel of a run on this machine.
[[nodiscard]] int run_relay_command(const RelayCommandOptions& options);

}  // namespace drover::cli
