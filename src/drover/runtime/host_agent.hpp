// How a command is executed on another host: by srun where that is a node of the Slurm job in which this process runs,
// else by the remote agent that is configured for Open MPI (`OMPI_MCA_plm_rsh_agent`, else ssh).
#pragma once

#include <string>
#include <vector>

#include "drover/core/task.hpp"

namespace drover::runtime {

/// Whether a remote agent is ssh, which takes `--` before a host, and not another program.
[[nodiscard]] bool is_ssh(const std::vector<std::string>& agent);

/// The words that execute `command` on `host`, with this process's standard streams and what users set for every MPI
/// job (`OMPI_MCA_...`). Neither the host nor a word of the command is ever taken for something else. ssh gives up a
/// host that takes longer than `limit` to connect. Throws drover::Error for what can be no host.
[[nodiscard]] std::vector<std::string> command_on(const std::string& host, const std::vector<std::string>& command,
                                                  core::Duration limit);

/// Why such a command came to nothing, from what it and the agent said: a clause that names the host. `program` is what
/// was to be executed.
[[nodiscard]] std::string explain_end(const std::string& host, const std::string& program, int wait_status,
                                      const std::string& output);

/// Lines of text that say something, without the spaces at their ends.
[[nodiscard]] std::vector<std::string> lines_of(const std::string& text);

}  // namespace drover::runtime
