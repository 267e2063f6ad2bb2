#include "drover/runtime/meeting_point.hpp"

#include <poll.h>

#include <chrono>

#include "drover/runtime/clock.hpp"
#include "drover/runtime/wait_notice.hpp"
#include "drover/support/duration.hpp"
#include "drover/support/error.hpp"

namespace drover::runtime {

namespace {

using namespace std::chrono_literals;

/// On a busy machine it needs ten seconds and more.
constexpr core::Duration kStartLimit = 1min;

}  // namespace

std::optional<std::string> MeetingPoint::prepare(const SignalInbox& signals) {
  if (!is_wanted_) return std::nullopt;
  obstacle_.clear();
  (void)poll();  // one that died since the last MPI job
  try {
    if (!server_) server_.emplace();
  } catch (const Error& e) {
    return give_up(e.what());
  }
  const core::Time begin = now();
  WaitNotice notice(begin);
  for (server_->poll(); !server_->uri(); server_->poll()) {
    const core::Time now = runtime::now();
    if (server_->has_ended()) return give_up(server_->end_text());
    if (now >= begin + kStartLimit)
      return give_up("ompi-server did not say its address within " + support::format_duration(kStartLimit));
    if (notice.is_due(now)) say_("waiting for ompi-server (" + support::format_duration(notice.age(now)) + ")");
    std::vector<pollfd> polled{{signals.fd(), POLLIN, 0}};
    for (const int fd : server_->fds()) polled.push_back({fd, POLLIN, 0});
    const auto pause = std::chrono::ceil<std::chrono::milliseconds>(notice.next() - now);
    ::poll(polled.data(), polled.size(), static_cast<int>(pause.count()));
    if (polled.front().revents != 0) return std::nullopt;
  }
  return server_->uri();
}

std::optional<std::string> MeetingPoint::poll() {
  if (!server_) return std::nullopt;
  server_->poll();
  if (!server_->has_ended()) return std::nullopt;
  const std::string reason = server_->end_text();
  server_.reset();
  return reason;
}

std::nullopt_t MeetingPoint::give_up(const std::string& reason) {
  server_.reset();
  obstacle_ = reason;
  return std::nullopt;
}

}  // namespace drover::runtime
