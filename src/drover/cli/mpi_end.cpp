// The master leaves MPI from a handler of exit(): a program goes on behind its run, and MPI_Finalize may never return,
// or must not be called at all after a loss. The handler is given the status that main() has returned.

#include "drover/cli/mpi_end.hpp"

#include <spdlog/spdlog.h>
#include <unistd.h>

#include <cstdlib>
#include <utility>

#include "drover/runtime/watchdog.hpp"
#include "drover/support/error.hpp"
#include "drover/support/printed.hpp"

namespace drover::cli {

namespace {

/// It may wait for one that is dead, and then does so for ever.
constexpr core::Duration kFinalizeLimit = std::chrono::seconds(3);

/// What the handler of exit() needs.
struct Departure {
  std::unique_ptr<transport::MpiSession> mpi;
  bool is_tainted = false;
  LauncherStreams streams;
};

void depart(int status, void* argument) {
  const std::unique_ptr<Departure> departure(static_cast<Departure*>(argument));
  if (departure->is_tainted) leave_without_mpi(status);
  finalize_mpi(std::move(departure->mpi), status);
}

}  // namespace

void finalize_mpi(std::unique_ptr<transport::MpiSession> mpi, int status) {
  support::flush_printed();  // the watchdog does not
  // Where the first death ends the MPI job nobody is dead: it waits for those that are still at work, and not to wait
  // would end the job for them.
  if (!transport::loss_protection().survives_process_death) return mpi.reset();
  runtime::Watchdog watchdog([](const std::string& line) { spdlog::warn("{}", line); });
  const auto guard = watchdog.watch("MPI_Finalize", kFinalizeLimit, status);
  mpi.reset();
}

void leave_mpi_at_exit(std::unique_ptr<transport::MpiSession> mpi, bool is_tainted, LauncherStreams streams) {
  auto departure = std::make_unique<Departure>(Departure{std::move(mpi), is_tainted, std::move(streams)});
  if (::on_exit(&depart, departure.get()) != 0) throw Error("cannot arrange for the end of this process");
  (void)departure.release();
}

void leave_without_mpi(int status) {
  spdlog::shutdown();
  support::flush_printed();
  ::_exit(status);
}

}  // namespace drover::cli
