#include "drover/cli/worker_rank.hpp"

#include <fcntl.h>
#include <spdlog/sinks/stdout_sinks.h>
#include <spdlog/spdlog.h>
#include <unistd.h>

#include <csignal>
#include <cstdio>
#include <cstdlib>
#include <memory>

#include "drover/cli/exit_status.hpp"
#include "drover/cli/log_level.hpp"
#include "drover/cli/mpi_end.hpp"
#include "drover/cli/version.hpp"
#include "drover/exec/command_executor.hpp"
#include "drover/exec/host_cores.hpp"
#include "drover/exec/output_capture.hpp"
#include "drover/exec/process_guardian.hpp"
#include "drover/exec/zygote.hpp"
#include "drover/runtime/isolated_call.hpp"
#include "drover/runtime/joiner.hpp"
#include "drover/runtime/signal_inbox.hpp"
#include "drover/runtime/watchdog.hpp"
#include "drover/runtime/worker_loop.hpp"
#include "drover/support/open_files.hpp"
#include "drover/support/thrown.hpp"
#include "drover/transport/mpi_groups.hpp"
#include "drover/transport/mpi_transport.hpp"

namespace drover::cli {

namespace {

/// How long the master may take to accept a group that it has let in.
constexpr core::Duration kConnectLimit = std::chrono::seconds(60);

std::unique_ptr<transport::MpiTransport> connect_to_master(transport::MpiSession& mpi) {
  if (std::getenv(runtime::kJoinVariable) != nullptr) {
    runtime::Watchdog watchdog([](const std::string& line) { spdlog::error("{}", line); });
    const auto guard = watchdog.watch("MPI_Comm_connect", kConnectLimit, kInternalFailure);
    return std::make_unique<transport::MpiTransport>(transport::connect_group(runtime::ask_for_port));
  }
  if (auto parent = transport::parent_link()) return std::make_unique<transport::MpiTransport>(std::move(*parent));
  return std::make_unique<transport::MpiTransport>(mpi);
}

/// What forks the processes of functions, if they have some.
std::unique_ptr<exec::Zygote> make_zygote(const Program* program, std::optional<exec::Isolation> isolation) {
  if (program == nullptr || isolation.value_or(program->isolation) != exec::Isolation::process) return nullptr;
  const auto serve = [program](int connection) {
    runtime::serve_isolated_call(connection, *program->functions, program->calls);
  };
  return std::make_unique<exec::Zygote>(exec::Zygote::Plan{program->prepare, serve});
}

/// Where stderr is now, whatever functions print there later. For any thread.
spdlog::sink_ptr make_log_sink() {
  using Sink = spdlog::sinks::stdout_sink_base<spdlog::details::console_mutex>;
  std::FILE* file = ::fdopen(::fcntl(STDERR_FILENO, F_DUPFD_CLOEXEC, STDERR_FILENO + 1), "w");
  return std::make_shared<Sink>(file != nullptr ? file : stderr);
}

int work(std::uint32_t num_slots, const Program* program, std::optional<exec::Isolation> isolation) {
  exec::unbind_from_launcher();                                                  // and all that is started from here
  const std::unique_ptr<exec::Zygote> zygote = make_zygote(program, isolation);  // while all is small and clean
  runtime::SignalInbox signals{SIGTERM, SIGUSR1};
  // Blocked and never read: it is the master who says when to stop, and a terminal's Ctrl-C reaches it too.
  const runtime::SignalInbox ignored{SIGINT, SIGHUP, SIGPIPE};
  exec::block_child_signal();
  exec::ProcessGuardian guardian(num_slots);
  support::raise_open_files();
  auto mpi = std::make_unique<transport::MpiSession>(transport::Threading::main_thread);
  runtime::WorkerEnd end{};
  bool has_left_threads = false;
  {
    const std::unique_ptr<transport::MpiTransport> transport = connect_to_master(*mpi);
    // Not before: what MPI says of its start is for whoever started it.
    std::unique_ptr<exec::OutputCapture> capture;
    if (program != nullptr && zygote == nullptr) capture = std::make_unique<exec::OutputCapture>();
    runtime::WorkerLoop loop({mpi->host(), num_slots, version(), program != nullptr ? program->functions : nullptr,
                              zygote.get(), capture.get()},
                             *transport, guardian, signals, program != nullptr ? &program->calls : nullptr);
    end = loop.run();
    has_left_threads = loop.has_left_threads();
    if (capture) capture->stop();
    if (has_left_threads) (void)capture.release();  // they may still print
  }
  if (end == runtime::WorkerEnd::abandoned) leave_without_mpi(kInternalFailure);
  finalize_mpi(std::move(mpi), 0);
  if (has_left_threads) leave_without_mpi(0);
  return 0;
}

}  // namespace

int run_worker_rank(std::uint32_t num_slots, const Program* program, std::optional<exec::Isolation> isolation) {
  spdlog::set_default_logger(std::make_shared<spdlog::logger>("drover", make_log_sink()));
  spdlog::set_level(log_level_of_environment(spdlog::level::warn));
  try {
    return work(num_slots, program, isolation);
  } catch (...) {
    std::fprintf(stderr, "drover: %s\n", support::describe_current_exception().text.c_str());
    leave_without_mpi(kInternalFailure);  // MPI would wait for ranks that go on
  }
}

}  // namespace drover::cli
