#include "drover/runtime/process_watch.hpp"

#include <fcntl.h>
#include <poll.h>
#include <sys/epoll.h>
#include <sys/syscall.h>
#include <unistd.h>

#include <array>
#include <cerrno>
#include <filesystem>
#include <fstream>
#include <system_error>

#include "drover/support/error.hpp"

namespace drover::runtime {

std::string pid_scope() {
  std::string boot;
  std::ifstream("/proc/sys/kernel/random/boot_id") >> boot;
  std::error_code error;
  const std::filesystem::path name_space = std::filesystem::read_symlink("/proc/self/ns/pid", error);
  return error ? "" : boot + " " + name_space.string();
}

ProcessWatch::ProcessWatch() : epoll_(::epoll_create1(EPOLL_CLOEXEC)) {
  if (!epoll_) throw system_error("cannot watch the processes of workers", errno);
}

void ProcessWatch::watch(core::WorkerId worker, pid_t pid) {
  support::UniqueFd fd(static_cast<int>(::syscall(SYS_pidfd_open, pid, 0)));
  if (!fd) {
    if (errno != ESRCH) return;
    // Already gone: a descriptor that is readable for ever says so.
    std::array<int, 2> ends{};
    if (::pipe2(ends.data(), O_CLOEXEC) < 0) return;
    ::close(ends[1]);
    fd.reset(ends[0]);
  }
  epoll_event event{.events = EPOLLIN, .data = {.u32 = worker.value}};
  if (::epoll_ctl(epoll_.get(), EPOLL_CTL_ADD, fd.get(), &event) < 0) return;
  watched_[worker] = std::move(fd);
}

std::vector<core::WorkerId> ProcessWatch::ended() const {
  std::vector<core::WorkerId> workers;
  for (const auto& [worker, fd] : watched_) {
    pollfd polled{fd.get(), POLLIN, 0};
    if (::poll(&polled, 1, 0) > 0) workers.push_back(worker);
  }
  return workers;
}

}  // namespace drover::runtime
