#include "drover/exec/process_guardian.hpp"

#include <fcntl.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/wait.h>
#include <unistd.h>

#include <array>
#include <cerrno>
#include <csignal>
#include <new>

#include "drover/support/error.hpp"

namespace drover::exec {

namespace {

static_assert(std::atomic<pid_t>::is_always_lock_free);

/// Descriptors of the worker that stay open in the guardian would keep pipes and sockets of others
/// alive. There are few yet: the guardian is forked first of all.
void close_all_but(int kept) {
  const auto limit = static_cast<int>(::sysconf(_SC_OPEN_MAX));
  const int highest = limit > 0 && limit < 65536 ? limit : 65536;
  for (int fd = 0; fd < highest; ++fd)
    if (fd != kept) ::close(fd);
}

[[noreturn]] void guard(const std::atomic<pid_t>* groups, std::size_t num_slots, int alive_fd) {
  ::setsid();
  ::prctl(PR_SET_NAME, "drover-guardian");
  for (const int signal : {SIGINT, SIGTERM, SIGHUP, SIGPIPE, SIGUSR1}) ::signal(signal, SIG_IGN);
  close_all_but(alive_fd);
  char byte = 0;
  while (::read(alive_fd, &byte, 1) < 0 && errno == EINTR) {
  }
  for (std::size_t i = 0; i < num_slots; ++i)
    if (const pid_t group = groups[i].load(std::memory_order_relaxed); group > 1) ::kill(-group, SIGKILL);
  ::_exit(0);
}

}  // namespace

ProcessGuardian::ProcessGuardian(std::size_t num_slots) : num_slots_(num_slots) {
  void* memory = ::mmap(nullptr, num_slots * sizeof(std::atomic<pid_t>), PROT_READ | PROT_WRITE,
                        MAP_SHARED | MAP_ANONYMOUS, -1, 0);
  if (memory == MAP_FAILED) throw system_error("cannot share memory with the guardian of commands", errno);
  groups_ = static_cast<std::atomic<pid_t>*>(memory);
  for (std::size_t i = 0; i < num_slots; ++i) new (groups_ + i) std::atomic<pid_t>(0);
  std::array<int, 2> ends{};
  if (::pipe2(ends.data(), O_CLOEXEC) < 0) throw system_error("cannot open a pipe to the guardian of commands", errno);
  const support::UniqueFd guardian_end(ends[0]);
  alive_.reset(ends[1]);
  guardian_ = ::fork();
  if (guardian_ == 0) guard(groups_, num_slots_, guardian_end.get());
  if (guardian_ < 0) throw system_error("cannot fork the guardian of commands", errno);
}

ProcessGuardian::~ProcessGuardian() {
  alive_.reset();
  while (::waitpid(guardian_, nullptr, 0) < 0 && errno == EINTR) {
  }
  ::munmap(groups_, num_slots_ * sizeof(std::atomic<pid_t>));
}

}  // namespace drover::exec
