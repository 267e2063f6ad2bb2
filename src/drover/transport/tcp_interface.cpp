#include "drover/transport/tcp_interface.hpp"

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

constexpr const char* kInclude = "OMPI_MCA_btl_tcp_if_include";
constexpr std::array<std::string_view, 8> kVirtual{"docker", "br-", "veth", "virbr", "cni", "flannel", "tun", "lxc"};

bool is_chosen_in(const std::string& file) {
  std::ifstream parameters(file);
  for (std::string line; std::getline(parameters, line);)
    if (line.substr(0, line.find('#')).find("btl_tcp_if_") != std::string::npos) return true;
  return false;
}

bool is_chosen() {
  if (std::getenv(kInclude) != nullptr || std::getenv("OMPI_MCA_btl_tcp_if_exclude") != nullptr) return true;
  const char* home = std::getenv("HOME");
  return is_chosen_in("/etc/openmpi/openmpi-mca-params.conf") ||
         (home != nullptr && is_chosen_in(std::string(home) + "/.openmpi/mca-params.conf"));
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

TcpInterfaceChoice::TcpInterfaceChoice() {
  if (is_chosen()) return;
  const std::string name = interface_of_default_route().value_or(first_interface());
  is_ours_ = ::setenv(kInclude, name.c_str(), 1) == 0;
  // Open MPI 5's default finds no way to a spawned process on the same host through one interface.
  if (is_open_mpi_5()) ::setenv("OMPI_MCA_reachable", "weighted", 0);
}

TcpInterfaceChoice::~TcpInterfaceChoice() {
  if (is_ours_) ::unsetenv(kInclude);
}

}  // namespace drover::transport
