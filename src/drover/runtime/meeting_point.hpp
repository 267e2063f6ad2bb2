// The ompi-server of a run, for all its MPI jobs one after another: as long as one can be had. Without one a run goes
// on, and no group joins it.
#pragma once

#include <functional>
#include <optional>
#include <string>
#include <vector>

#include "drover/core/task.hpp"
#include "drover/runtime/ompi_server.hpp"
#include "drover/runtime/signal_inbox.hpp"

namespace drover::runtime {

class MeetingPoint {
 public:
  /// `is_wanted`: this MPI has one. `say` is told, in a line, what is waited for.
  MeetingPoint(bool is_wanted, std::function<void(const std::string&)> say)
      : is_wanted_(is_wanted), say_(std::move(say)) {}

  /// The address for an mpirun that is to be started: of the server that is there, or of another, for which it waits,
  /// at most a minute and as long as no signal comes. None: there is none.
  [[nodiscard]] std::optional<std::string> prepare(const SignalInbox& signals);
  /// Why the last prepare() found none; empty: it did, or was not to.
  [[nodiscard]] const std::string& obstacle() const { return obstacle_; }

  /// Readable when there is something for poll().
  [[nodiscard]] std::vector<int> fds() const { return server_ ? server_->fds() : std::vector<int>{}; }
  /// Why MPI jobs that know the server can no longer be joined, said once; nullopt while it is there.
  [[nodiscard]] std::optional<std::string> poll();
  /// The process that is to be left alone; -1: none is.
  [[nodiscard]] pid_t pid() const { return server_ ? server_->pid() : -1; }

 private:
  std::nullopt_t give_up(const std::string& reason);

  bool is_wanted_;
  std::function<void(const std::string&)> say_;
  std::optional<OmpiServer> server_;
  std::string obstacle_;
};

}  // namespace drover::runtime
