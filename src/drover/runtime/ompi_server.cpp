#include "drover/runtime/ompi_server.hpp"

#include <poll.h>

#include <cstdlib>

#include "drover/runtime/clock.hpp"
#include "drover/support/error.hpp"

namespace drover::runtime {

namespace {

using namespace std::chrono_literals;

constexpr core::Duration kStartLimit = 10s;

/// "+": it prints its address on stderr, at once (on stdout it would do so at its end).
ChildProcess::Options options() {
  ChildProcess::Options options;
  options.command = {"ompi-server", "--no-daemonize", "-r", "+"};
  return options;
}

void wait_for_any(const std::vector<int>& fds, core::Duration pause) {
  std::vector<pollfd> polled;
  for (const int fd : fds) polled.push_back({fd, POLLIN, 0});
  const auto timeout = std::chrono::ceil<std::chrono::milliseconds>(pause);
  ::poll(polled.data(), polled.size(), static_cast<int>(timeout.count()));
}

}  // namespace

OmpiServer::OmpiServer() : process_(options()) {
  const core::Time deadline = now() + kStartLimit;
  while (process_.output().find('\n') == std::string::npos) {
    if (process_.has_ended())
      throw Error("ompi-server ended at once (" + describe_wait_status(process_.wait_status()) + ")");
    if (now() >= deadline) throw Error("ompi-server did not say its address");
    wait_for_any(process_.fds(), deadline - now());
    process_.poll();
  }
  uri_ = process_.output().substr(0, process_.output().find('\n'));
}

bool OmpiServer::is_alive() {
  process_.poll();
  return !process_.has_ended();
}

std::optional<std::string> known_ompi_server() {
  const char* uri = std::getenv("OMPI_MCA_pmix_server_uri");
  return uri != nullptr ? std::optional<std::string>(uri) : std::nullopt;
}

}  // namespace drover::runtime
