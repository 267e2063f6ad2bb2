#include "drover/transport/mca_defaults.hpp"

#include <ifaddrs.h>
#include <net/if.h>

#include <algorithm>
#include <array>
#include <cstdlib>
#include <fstream>
#include <memory>
#include <optional>
#include <sstream>
#include <string>
#include <string_view>

#include "drover/transport/mpi_session.hpp"

namespace drover::transport {

namespace {

constexpr std::array<std::string_view, 8> kVirtual{"docker", "br-", "veth", "virbr", "cni", "flannel", "tun", "lxc"};

std::string variable_of(const std::string& parameter) {
  return "OMPI_MCA_" + parameter;
}

bool is_chosen_in(const std::string& file, const std::string& parameter) {
  std::ifstream parameters(file);
  for (std::string line; std::getline(parameters, line);)
    if (line.substr(0, line.find('#')).find(parameter) != std::string::npos) return true;
  return false;
}

bool is_chosen(const std::string& parameter) {
  if (std::getenv(variable_of(parameter).c_str()) != nullptr) return true;
  const char* home = std::getenv("HOME");
  return is_chosen_in("/etc/openmpi/openmpi-mca-params.conf", parameter) ||
         (home != nullptr && is_chosen_in(std::string(home) + "/.openmpi/mca-params.conf", parameter));
}

/// That of the default route with the lowest metric (IPv4).
std::optional<std::string> interface_of_default_route() {
  std::ifstream routes("/proc/net/route");
  std::string line;
  std::getline(routes, line);
  std::optional<std::string> best;
  unsigned best_metric = 0;
  while (std::getline(routes, line)) {
    std::istringstream fields(line);
    std::string name, destination, gateway, flags;
    unsigned references = 0, uses = 0, metric = 0;
    std::string mask;
    fields >> name >> destination >> gateway >> flags >> references >> uses >> metric >> mask;
    if (!fields || destination != "00000000" || mask != "00000000") continue;
    if (!best || metric < best_metric) {
      best = name;
      best_metric = metric;
    }
  }
  return best;
}

/// The first that is up, has an IPv4 address and is not virtual; else the loopback.
std::string first_interface() {
  ifaddrs* all = nullptr;
  if (::getifaddrs(&all) != 0) return "lo";
  const std::unique_ptr<ifaddrs, decltype(&::freeifaddrs)> owner(all, &::freeifaddrs);
  for (const ifaddrs* one = all; one != nullptr; one = one->ifa_next) {
    if (one->ifa_addr == nullptr || one->ifa_addr->sa_family != AF_INET) continue;
    if ((one->ifa_flags & IFF_UP) == 0 || (one->ifa_flags & IFF_LOOPBACK) != 0) continue;
    const std::string_view name = one->ifa_name;
    const auto begins_name = [name](std::string_view beginning) { return name.starts_with(beginning); };
    if (std::none_of(kVirtual.begin(), kVirtual.end(), begins_name)) return std::string(name);
  }
  return "lo";
}

}  // namespace

McaDefaults::McaDefaults() {
  if (!is_chosen("btl_tcp_if_include") && !is_chosen("btl_tcp_if_exclude")) {
    set("btl_tcp_if_include", interface_of_default_route().value_or(first_interface()));
    // Open MPI 5's default finds no way to a spawned process on the same host through one interface.
    if (is_open_mpi_5()) set("reachable", "weighted");
  }
  set(is_open_mpi_5() ? "btl_sm_single_copy_mechanism" : "btl_vader_single_copy_mechanism", "none");
}

McaDefaults::~McaDefaults() {
  for (const std::string& variable : variables_) ::unsetenv(variable.c_str());
}

void McaDefaults::set(const std::string& parameter, const std::string& value) {
  if (is_chosen(parameter)) return;
  const std::string variable = variable_of(parameter);
  if (::setenv(variable.c_str(), value.c_str(), 1) == 0) variables_.push_back(variable);
}

}  // namespace drover::transport
