// What the options of a run mean for each part of its master.
#pragma once

#include <cstdint>
#include <string>

#include "drover/cli/open_run.hpp"
#include "drover/cli/run_command.hpp"
#include "drover/runtime/control_desk.hpp"
#include "drover/runtime/master_loop.hpp"
#include "drover/runtime/recruiter.hpp"
#include "drover/runtime/status_board.hpp"
#include "drover/runtime/supervisor_link.hpp"

namespace drover::cli {

/// `host`: this one; `num_workers`: those of its MPI job. Throws UsageError when an option asks for what is not here.
[[nodiscard]] runtime::MasterOptions master_options(const RunInvocation& invocation, const OpenRun& run,
                                                    const std::string& host, std::uint32_t num_workers);

/// `program`: null when tasks are commands.
[[nodiscard]] runtime::RecruiterOptions recruiter_options(const RunOptions& options, const Program* program);

[[nodiscard]] runtime::StatusBoard::About board_about(const RunOptions& options, const OpenRun& run,
                                                      const std::string& host);

/// Whether another MPI job may go on with the run. `supervisor`: who would start it; null: nobody.
[[nodiscard]] bool can_roll_over(const runtime::SupervisorLink* supervisor, const OpenRun& run);

[[nodiscard]] runtime::ControlDesk::Options desk_options(const RunInvocation& invocation,
                                                         const runtime::SupervisorLink* supervisor,
                                                         const OpenRun& open_run, const std::string& host);

}  // namespace drover::cli
