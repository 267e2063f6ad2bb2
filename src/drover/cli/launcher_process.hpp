// The mpirun that started this process, when it runs on this host.
#pragma once

#include <sys/types.h>

#include <optional>
#include <string>
#include <vector>

namespace drover::cli {

struct LauncherProcess {
  pid_t pid = -1;
  /// Its command line up to and without the program: `mpirun -n 5 --hostfile f`.
  std::vector<std::string> words;
};

/// None when the parent of this process is no mpirun: it was started by hand, by a daemon on another
/// host, by srun. Reads /proc.
[[nodiscard]] std::optional<LauncherProcess> find_launcher_process();

/// The environment in which the mpirun that started this process was started itself, as NAME=VALUE: its user's, or that
/// of the Slurm job. That of this process when the parent is no mpirun.
[[nodiscard]] std::vector<std::string> environment_before_launcher();

}  // namespace drover::cli
