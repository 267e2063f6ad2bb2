#include "drover/runtime/mpirun_words.hpp"

namespace drover::runtime {

std::optional<std::string> lost_host(std::string_view diagnostics) {
  const auto skip_to = [&](std::string_view words) {
    const std::size_t at = diagnostics.find(words);
    diagnostics.remove_prefix(at == std::string_view::npos ? diagnostics.size() : at + words.size());
  };
  skip_to("has lost communication with a remote daemon");
  skip_to("Remote daemon");
  diagnostics = diagnostics.substr(0, diagnostics.find('\n'));
  skip_to(" on node ");
  const std::string_view host = diagnostics.substr(0, diagnostics.find_first_of(" \t\r"));
  return host.empty() ? std::nullopt : std::optional<std::string>(host);
}

}  // namespace drover::runtime
