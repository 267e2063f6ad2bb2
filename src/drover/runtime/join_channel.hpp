// How what stays with a group that joins talks to the master.
#pragma once

#include <sys/types.h>

#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "drover/control/connection.hpp"
#include "drover/control/protocol.hpp"
#include "drover/runtime/signal_inbox.hpp"
#include "drover/support/unique_fd.hpp"

namespace drover::runtime {

/// Where the control channel of a master is to be had: exactly one of them.
struct JoinPath {
  std::string run_dir;             ///< on this machine
  std::vector<std::string> relay;  ///< a command whose standard input and output are the channel
  bool is_own = false;             ///< this process's own standard input and output are it
};

/// The two ends of a stream socket. Not inherited.
struct SocketEnds {
  support::UniqueFd ours;
  support::UniqueFd theirs;
};
/// Throws drover::Error.
[[nodiscard]] SocketEnds make_socket_ends();

/// A control channel to the master. Not thread-safe; of a process with one thread.
class JoinChannel {
 public:
  /// Null when nobody answers (yet), and then `reason` says why. The process's own streams can be had once.
  static std::unique_ptr<JoinChannel> open(const JoinPath& path, std::string& reason);
  ~JoinChannel();
  JoinChannel(const JoinChannel&) = delete;
  JoinChannel& operator=(const JoinChannel&) = delete;

  void send(std::uint64_t id, control::AnyRequest request);
  /// The next reply that has come.
  [[nodiscard]] std::optional<control::ReplyLine> next();
  /// Waits for one, unless a signal comes.
  [[nodiscard]] std::optional<control::ReplyLine> wait(core::Duration limit, const SignalInbox& signals);

  /// What poll() is to wait for; events has next() or is_gone() change.
  [[nodiscard]] int fd() const { return connection_.fd(); }
  [[nodiscard]] short events() const;
  /// The other side says nothing more, but may still listen: whoever is in between wants the group to leave.
  [[nodiscard]] bool is_half_closed() const { return connection_.has_ended(); }
  /// There is nobody at the other end.
  [[nodiscard]] bool is_gone() const;

  /// What the relay said last.
  [[nodiscard]] std::string complaint();

 private:
  JoinChannel(support::UniqueFd socket, pid_t helper, support::UniqueFd complaints)
      : connection_(std::move(socket)), helper_(helper), complaints_(std::move(complaints)) {}
  static std::unique_ptr<JoinChannel> open_relay(const std::vector<std::string>& relay);
  static std::unique_ptr<JoinChannel> open_own_streams();
  void end_helper();

  control::Connection connection_;
  pid_t helper_ = -1;             ///< a child at the other end of the connection
  support::UniqueFd complaints_;  ///< its standard error
};

}  // namespace drover::runtime
