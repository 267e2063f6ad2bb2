#include "drover/control/control_client.hpp"

#include <poll.h>
#include <sys/socket.h>

#include <algorithm>
#include <cerrno>
#include <thread>
#include <utility>

#include "drover/control/control_socket.hpp"
#include "drover/control/run_finder.hpp"
#include "drover/support/duration.hpp"

namespace drover::control {

namespace {

using namespace std::chrono_literals;
using SteadyClock = std::chrono::steady_clock;
using Reason = Unreachable::Reason;

/// The number of the requests for a sign of life; others count from 1.
constexpr std::uint64_t kSignOfLife = 0x1f'ffff'ffff'ffff;
constexpr auto kConnectPause = 10ms;

std::string master_text(const std::filesystem::path& run_dir) {
  const std::optional<MasterPlace> place = read_master_place(run_dir);
  return "the master of run '" + run_dir.string() + "'" + (place ? " (" + to_string(*place) + ")" : "");
}

Unreachable no_answer(const std::filesystem::path& run_dir, core::Duration patience) {
  return {Reason::no_answer, master_text(run_dir) + " has not answered within " + support::format_duration(patience) +
                                 ": it is stopped, or its machine is overloaded"};
}

support::UniqueFd connect(const std::filesystem::path& run_dir, core::Duration patience) {
  const auto deadline = SteadyClock::now() + patience;
  for (;;) {
    Connected connected = connect_to(run_dir);
    if (connected.socket) return std::move(connected.socket);
    const bool is_crowded = connected.error == EAGAIN;
    const bool is_late = SteadyClock::now() >= deadline;
    if (!is_crowded && (is_late || !is_coming_back(run_dir))) throw unreachable(run_dir, connected.error);
    if (is_late) throw no_answer(run_dir, patience);
    std::this_thread::sleep_for(kConnectPause);
  }
}

}  // namespace

RequestRefused::RequestRefused(const reply::Refused& refused)
    : Error(refused.expected.empty() ? refused.message : refused.message + "; expected " + refused.expected),
      code_(refused.code) {}

ControlClient::ControlClient(std::filesystem::path run_dir, core::Duration patience)
    : run_dir_(std::move(run_dir)),
      patience_(patience),
      connection_(connect(run_dir_, patience)),
      last_heard_(SteadyClock::now()) {}

std::uint64_t ControlClient::send(const AnyRequest& request) {
  const std::uint64_t number = num_sent_ + 1;
  std::string line;
  try {
    line = encode(RequestLine{number, request});
  } catch (const ProtocolError& e) {
    throw UsageError(e.what());
  }
  if (line.size() - 1 > kMostLineBytes)
    throw UsageError("a request of " + std::to_string(line.size()) + " bytes is longer than the " +
                     std::to_string(kMostLineBytes) + " that a master takes");
  num_sent_ = number;
  if (num_due_++ == 0) last_heard_ = SteadyClock::now();
  connection_.enqueue(line);
  connection_.send();
  return number;
}

std::optional<ReplyLine> ControlClient::receive(TimePoint until) {
  for (;;) {
    if (replies_.empty()) take_in();
    if (!replies_.empty()) {
      ReplyLine line = std::move(replies_.front());
      replies_.pop_front();
      return line;
    }
    judge_silence();
    if (SteadyClock::now() >= until) return std::nullopt;
    wait(until);
  }
}

ReplyLine ControlClient::receive() {
  for (;;)
    if (std::optional<ReplyLine> line = receive(SteadyClock::now() + 1h)) return std::move(*line);
}

void ControlClient::throw_unexpected(const Reply& reply) {
  if (const auto* refused = std::get_if<reply::Refused>(&reply)) throw RequestRefused(*refused);
  throw Error("the master gave an answer to another question");
}

void ControlClient::take_in() {
  connection_.send();
  const bool has_come = connection_.receive();
  while (const std::optional<std::string_view> line = connection_.next_line()) take(decode_reply(*line));
  if (has_come || !replies_.empty() || !(connection_.has_ended() || connection_.is_broken())) return;
  throw Unreachable(Reason::lost, master_text(run_dir_) + " has gone: it has ended, or died");
}

void ControlClient::take(ReplyLine line) {
  last_heard_ = SteadyClock::now();
  is_asked_for_life_ = false;
  if (line.id == kSignOfLife) return;
  const auto* refused = std::get_if<reply::Refused>(&line.reply);
  if (line.id == 0 && refused != nullptr) {
    if (refused->code == ErrorCode::not_yours) throw Unreachable(Reason::not_yours, refused->message);
    if (refused->code == ErrorCode::too_many_clients) throw Unreachable(Reason::turned_away, refused->message);
    throw RequestRefused(*refused);
  }
  if (!line.has_more && num_due_ > 0) --num_due_;
  replies_.push_back(std::move(line));
}

void ControlClient::judge_silence() {
  if (num_due_ == 0) return;
  const auto silence = SteadyClock::now() - last_heard_;
  if (silence >= patience_) throw no_answer(run_dir_, patience_);
  if (is_asked_for_life_ || silence < patience_ / 2) return;
  is_asked_for_life_ = true;
  connection_.enqueue(encode(RequestLine{kSignOfLife, request::Hello{}}));
  connection_.send();
}

void ControlClient::wait(TimePoint until) {
  if (num_due_ > 0) until = std::min(until, last_heard_ + (is_asked_for_life_ ? patience_ : patience_ / 2));
  const auto pause = std::chrono::ceil<std::chrono::milliseconds>(until - SteadyClock::now());
  pollfd polled{fd(), static_cast<short>(POLLIN | (wants_to_send() ? POLLOUT : 0)), 0};
  ::poll(&polled, 1, static_cast<int>(std::clamp<std::int64_t>(pause.count(), 0, 60'000)));
}

}  // namespace drover::control
