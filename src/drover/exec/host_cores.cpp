#include "drover/exec/host_cores.hpp"

#include <sched.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <cstdlib>
#include <string_view>
#include <vector>

#include "drover/exec/process_tree.hpp"

namespace drover::exec {

namespace {

constexpr auto kLaunchers =
    std::to_array<std::string_view>({"mpirun", "mpiexec", "orterun", "orted", "prterun", "prted", "prte"});
/// More than any host has.
constexpr int kMostCores = 8192;

/// Room for the kernel's form of a set of cores.
struct CoreMask {
  std::vector<cpu_set_t> words = std::vector<cpu_set_t>(kMostCores / CPU_SETSIZE);
  [[nodiscard]] std::size_t num_bytes() const { return words.size() * sizeof(cpu_set_t); }
};

/// Empty when the kernel does not say.
Cores cores_of(pid_t pid) {
  CoreMask mask;
  Cores cores;
  if (::sched_getaffinity(pid, mask.num_bytes(), mask.words.data()) < 0) return cores;
  for (unsigned core = 0; core < kMostCores; ++core)
    if (CPU_ISSET_S(core, mask.num_bytes(), mask.words.data())) cores.insert(core);
  return cores;
}

/// By an option of mpirun's own, which its ranks then find in their environment (Open MPI 4).
bool is_binding_chosen() {
  const char* policy = std::getenv("OMPI_MCA_hwloc_base_binding_policy");
  const bool is_bound = policy != nullptr && std::string_view(policy) != "none";
  return is_bound || std::getenv("OMPI_MCA_hwloc_base_cpu_set") != nullptr ||
         std::getenv("OMPI_MCA_hwloc_base_cpu_list") != nullptr;
}

std::string count(std::size_t num, const std::string& what) {
  return std::to_string(num) + " " + what + (num == 1 ? "" : "s");
}

}  // namespace

Cores cores_of_tasks(const Cores& bound, const Cores& launchers, bool is_chosen) {
  return is_chosen || launchers.empty() ? bound : launchers;
}

void unbind_from_launcher() {
  const pid_t launcher = ::getppid();
  if (std::find(kLaunchers.begin(), kLaunchers.end(), process_name(launcher)) == kLaunchers.end()) return;
  const Cores bound = cores_of(0);
  const Cores cores = cores_of_tasks(bound, cores_of(launcher), is_binding_chosen());
  if (cores == bound) return;
  CoreMask mask;
  for (const unsigned core : cores) CPU_SET_S(core, mask.num_bytes(), mask.words.data());
  // Refused, the tasks have the cores that there are: lack_of_cores() says so.
  (void)::sched_setaffinity(0, mask.num_bytes(), mask.words.data());
}

std::string lack_of_cores(std::uint32_t num_slots) {
  return lack_of_cores(num_slots, cores_of(0).size(), static_cast<std::size_t>(::sysconf(_SC_NPROCESSORS_ONLN)));
}

std::string lack_of_cores(std::uint32_t num_slots, std::size_t num_usable, std::size_t num_of_host) {
  if (num_usable == 0 || num_usable >= num_slots || num_usable >= num_of_host) return "";
  return count(num_slots, "command") + " at once have " + count(num_usable, "core") + " of this host's " +
         std::to_string(num_of_host) + ": see 'taskset -p', the job's cpus, or give mpirun --bind-to none";
}

}  // namespace drover::exec
