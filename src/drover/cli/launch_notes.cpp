#include "drover/cli/launch_notes.hpp"

#include <algorithm>

#include "drover/transport/mpi_session.hpp"

namespace drover::cli {

std::string launch_notes(const RunInvocation& invocation, int num_workers) {
  std::string notes;
  if (const transport::LossProtection protection = transport::loss_protection(); !protection.survives_process_death)
    notes += "drover: this MPI start " + protection.explanation + "\n";
  const bool asks_for_workers =
      std::any_of(invocation.settings.begin(), invocation.settings.end(), [](const Setting& setting) {
        return setting.name == "workers" && setting.origin == Setting::Origin::command_line;
      });
  if (asks_for_workers && invocation.options.num_workers != static_cast<std::uint32_t>(num_workers))
    notes += "drover: --workers " + std::to_string(*invocation.options.num_workers) +
             " has no effect here: the launcher started " + std::to_string(num_workers) + "\n";
  return notes;
}

}  // namespace drover::cli
