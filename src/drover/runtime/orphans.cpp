#include "drover/runtime/orphans.hpp"

#include <sys/prctl.h>
#include <sys/wait.h>

#include <csignal>
#include <fstream>
#include <thread>

#include "drover/runtime/clock.hpp"

namespace drover::runtime {

namespace {

using namespace std::chrono_literals;

/// What has been killed can still be busy with a file system.
constexpr core::Duration kEndLimit = 5s;
constexpr auto kLook = 5ms;

}  // namespace

void adopt_orphans() {
  ::prctl(PR_SET_CHILD_SUBREAPER, 1UL, 0UL, 0UL, 0UL);
}

std::vector<pid_t> children() {
  std::ifstream file("/proc/thread-self/children");
  std::vector<pid_t> pids;
  for (pid_t pid = 0; file >> pid;) pids.push_back(pid);
  return pids;
}

void end_children() {
  for (const core::Time deadline = now() + kEndLimit; now() < deadline; std::this_thread::sleep_for(kLook)) {
    const std::vector<pid_t> pids = children();
    if (pids.empty()) return;
    for (const pid_t pid : pids) ::kill(pid, SIGKILL);
    while (::waitpid(-1, nullptr, WNOHANG) > 0) {
    }
  }
}

}  // namespace drover::runtime
