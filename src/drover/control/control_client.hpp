// A client's end of the control channel.
#pragma once

#include <cstdint>
#include <deque>
#include <filesystem>
#include <optional>
#include <string>

#include "drover/control/connection.hpp"
#include "drover/control/protocol.hpp"
#include "drover/core/task.hpp"
#include "drover/support/error.hpp"

namespace drover::control {

/// There is no master to talk to. The message says what is known of where it is, or was.
class Unreachable : public Error {
 public:
  enum class Reason : std::uint8_t {
    no_run,       ///< no such directory
    over,         ///< nobody serves it: not yet, or not any more
    elsewhere,    ///< its master is on another host
    not_yours,    ///< another user's
    no_answer,    ///< there, but it has not said a word for the time given
    turned_away,  ///< too many clients
    lost,         ///< it went away in the middle of the conversation
  };

  Unreachable(Reason reason, const std::string& message) : Error(message), reason_(reason) {}

  [[nodiscard]] Reason reason() const { return reason_; }

 private:
  Reason reason_;
};

/// The master did not do what it was asked.
class RequestRefused : public Error {
 public:
  explicit RequestRefused(const reply::Refused& refused);

  [[nodiscard]] ErrorCode code() const { return code_; }

 private:
  ErrorCode code_;
};

/// One connection. Requests may be sent before earlier ones are answered. As long as an answer is due, a
/// master that says nothing is asked for a sign of life now and then: an answer that takes its time
/// is waited for, a master that is stuck is not. Used by one thread.
class ControlClient {
 public:
  /// Throws Unreachable; waits no longer than `patience`, which is also how long a master may say nothing.
  ControlClient(std::filesystem::path run_dir, core::Duration patience);

  [[nodiscard]] const std::filesystem::path& run_dir() const { return run_dir_; }

  /// Puts a request on its way and returns its number, which its replies have. Throws UsageError when it is
  /// too long for a line or makes no sense.
  std::uint64_t send(const AnyRequest& request);

  /// The next reply. Waits until `until` at the longest: none. Throws Unreachable when the master is
  /// gone or stuck, and RequestRefused when it does not want this client at all.
  [[nodiscard]] std::optional<ReplyLine> receive(std::chrono::steady_clock::time_point until);

  /// The next reply, however long it takes a master that is alive.
  [[nodiscard]] ReplyLine receive();

  /// Sends a request to which there is one reply, and waits for it. Throws RequestRefused.
  template <class Answer>
  [[nodiscard]] Answer ask(const AnyRequest& request) {
    const std::uint64_t number = send(request);
    for (;;) {
      ReplyLine line = receive();
      if (line.id == number) return expect<Answer>(std::move(line.reply));
    }
  }

  /// The reply as the kind that it must be. Throws RequestRefused when it is a refusal.
  template <class Answer>
  [[nodiscard]] static Answer expect(Reply reply) {
    if (auto* answer = std::get_if<Answer>(&reply)) return std::move(*answer);
    throw_unexpected(reply);
  }

  /// For loops that wait for other things too: poll this, for POLLIN and, if wants_to_send(), POLLOUT; then
  /// call receive() with a time that has passed.
  [[nodiscard]] int fd() const { return connection_.fd(); }
  [[nodiscard]] bool wants_to_send() const { return connection_.num_unsent() > 0; }

 private:
  using TimePoint = std::chrono::steady_clock::time_point;

  [[noreturn]] static void throw_unexpected(const Reply& reply);
  void take_in();
  void take(ReplyLine line);
  void judge_silence();
  void wait(TimePoint until);

  std::filesystem::path run_dir_;
  core::Duration patience_;
  Connection connection_;
  std::uint64_t num_sent_ = 0;
  std::uint64_t num_due_ = 0;  ///< requests without their last reply
  bool is_asked_for_life_ = false;
  TimePoint last_heard_;  ///< or last had nothing to wait for
  std::deque<ReplyLine> replies_;
};

}  // namespace drover::control
