#include "drover/cli/worker_rank.hpp"

#include <spdlog/sinks/stdout_sinks.h>
#include <spdlog/spdlog.h>

#include <csignal>
#include <cstdlib>

#include "drover/cli/exit_status.hpp"
#include "drover/cli/version.hpp"
#include "drover/exec/command_executor.hpp"
#include "drover/exec/process_guardian.hpp"
#include "drover/runtime/signal_inbox.hpp"
#include "drover/runtime/worker_loop.hpp"
#include "drover/transport/mpi_transport.hpp"

namespace drover::cli {

int run_worker_rank(const RunOptions& options) {
  spdlog::set_default_logger(
      std::make_shared<spdlog::logger>("drover", std::make_shared<spdlog::sinks::stderr_sink_st>()));
  spdlog::set_level(spdlog::level::warn);
  // Blocked and never read: it is the master who says when to stop, and a terminal's Ctrl-C or a
  // launcher's SIGTERM reaches the master too.
  const runtime::SignalInbox ignored{SIGINT, SIGTERM, SIGHUP, SIGPIPE};
  exec::block_child_signal();
  exec::ProcessGuardian guardian(options.num_slots);
  transport::MpiSession mpi(transport::Threading::main_thread);
  runtime::WorkerEnd end{};
  {
    transport::MpiTransport transport(mpi);
    end = runtime::WorkerLoop({mpi.host(), options.num_slots, version()}, transport, guardian).run();
  }
  if (end == runtime::WorkerEnd::abandoned) std::_Exit(kInternalFailure);
  return 0;
}

}  // namespace drover::cli
