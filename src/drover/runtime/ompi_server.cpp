#include "drover/runtime/ompi_server.hpp"

#include <cstdlib>

namespace drover::runtime {

namespace {

/// "+": it prints its address on stderr, at once (on stdout it would do so at its end).
ChildProcess::Options options() {
  ChildProcess::Options options;
  options.command = {"ompi-server", "--no-daemonize", "-r", "+"};
  return options;
}

}  // namespace

OmpiServer::OmpiServer() : process_(options()) {}

void OmpiServer::poll() {
  process_.poll();
  if (uri_) return;
  if (const std::size_t end = process_.output().find('\n'); end != std::string::npos)
    uri_ = process_.output().substr(0, end);
}

std::string OmpiServer::end_text() const {
  return "ompi-server has ended (" + describe_wait_status(process_.wait_status()) + ")";
}

std::optional<std::string> known_ompi_server() {
  const char* uri = std::getenv("OMPI_MCA_pmix_server_uri");
  return uri != nullptr ? std::optional<std::string>(uri) : std::nullopt;
}

}  // namespace drover::runtime
