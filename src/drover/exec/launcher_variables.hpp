// Which variables of a process are its user's, and which are there because of who launched it.
//
// Pure. An environment is a list of NAME=VALUE.
#pragma once

#include <string>
#include <string_view>
#include <vector>

namespace drover::exec {

using Variables = std::vector<std::string>;

[[nodiscard]] std::string_view name_of(std::string_view variable);

/// Beginnings of the names by which mpirun, or Slurm's interface to MPI, tells a rank who it is. An MPI program that a
/// rank starts must not see them. What users set for every MPI job (OMPI_MCA_btl_...) is not among them.
[[nodiscard]] const Variables& identity_prefixes();

/// Of the environment in which mpirun was started: what its user, or the Slurm job, had of those variables that
/// launchers set as well. Where nobody knows that environment, one's own will do: what says who one is is left out.
[[nodiscard]] Variables origin_variables(const Variables& environment);

/// The environment `own` of a worker as a task is to see it: without what the launcher set, and with what there was
/// before, `origin` on the master's side. The variables of a Slurm job are those of `origin` where the worker is in
/// that job, whatever step it came by; in another job they are that job's own, without those of the step.
[[nodiscard]] Variables without_launcher(const Variables& own, const Variables& origin);

}  // namespace drover::exec
