#include "drover/exec/process_guardian.hpp"

#include <fcntl.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/wait.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <cerrno>
#include <climits>
#include <csignal>
#include <new>
#include <set>
#include <string>

#include "drover/exec/process_tree.hpp"
#include "drover/support/error.hpp"

namespace drover::exec {

/// What worker and guardian share of a slot.
struct ProcessGuardian::Watched {
  static_assert(std::atomic<pid_t>::is_always_lock_free && std::atomic<std::uint64_t>::is_always_lock_free);

  std::atomic<pid_t> group{0};
  std::atomic<std::uint64_t> task{0};
  std::atomic<std::uint32_t> n{0};
};

struct ProcessGuardian::Run {
  std::atomic<std::size_t> length{0};
  std::array<char, PATH_MAX> directory{};

  void set(std::string_view text) {
    if (text.size() > directory.size()) return;
    std::copy(text.begin(), text.end(), directory.begin());
    length.store(text.size());
  }
  [[nodiscard]] std::string get() const { return {directory.data(), length.load()}; }
};

namespace {

/// What is started while the rest is killed is seen the next time.
constexpr int kRounds = 3;

/// Descriptors of the worker that stay open in the guardian would keep pipes and sockets of others
/// alive. There are few yet: the guardian is forked first of all.
void close_all_but(int kept) {
  const auto limit = static_cast<int>(::sysconf(_SC_OPEN_MAX));
  const int highest = limit > 0 && limit < 65536 ? limit : 65536;
  for (int fd = 0; fd < highest; ++fd)
    if (fd != kept) ::close(fd);
}

void kill_marked(const std::set<core::AttemptId>& attempts, const std::string& run_dir) {
  if (run_dir.empty() || attempts.empty()) return;
  for (int round = 0; round < kRounds; ++round)
    for (const pid_t process : all_processes())
      if (const auto attempt = attempt_of(process, run_dir); attempt && attempts.contains(*attempt))
        ::kill(process, SIGKILL);
}

}  // namespace

void ProcessGuardian::guard(int alive_fd) const {
  ::setsid();
  ::prctl(PR_SET_NAME, "drover-guardian");
  for (const int signal : {SIGINT, SIGTERM, SIGHUP, SIGPIPE, SIGUSR1}) ::signal(signal, SIG_IGN);
  close_all_but(alive_fd);
  char byte = 0;
  while (::read(alive_fd, &byte, 1) < 0 && errno == EINTR) {
  }
  std::set<core::AttemptId> attempts;
  for (std::size_t i = 0; i < num_slots_; ++i) {
    const Watched& watched = watched_[i];
    if (const pid_t group = watched.group.load(); group > 1) ::kill(-group, SIGKILL);
    if (const std::uint64_t task = watched.task.load(); task != 0)
      attempts.insert({core::TaskId(task), watched.n.load()});
  }
  kill_marked(attempts, run_->get());
  ::_exit(0);
}

void ProcessGuardian::set_run(std::string_view run_dir) {
  run_->set(run_dir);
}

void ProcessGuardian::watch(std::size_t slot, core::AttemptId attempt) {
  Watched& watched = watched_[slot - 1];
  watched.group.store(0);
  watched.n.store(attempt.n);
  watched.task.store(attempt.task.value);
}

std::atomic<pid_t>& ProcessGuardian::group(std::size_t slot) {
  return watched_[slot - 1].group;
}

void ProcessGuardian::release(std::size_t slot) {
  watched_[slot - 1].group.store(0);
  watched_[slot - 1].task.store(0);
}

ProcessGuardian::ProcessGuardian(std::size_t num_slots) : num_slots_(num_slots) {
  void* memory = ::mmap(nullptr, size(), PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
  if (memory == MAP_FAILED) throw system_error("cannot share memory with the guardian of commands", errno);
  run_ = new (memory) Run;
  watched_ = reinterpret_cast<Watched*>(run_ + 1);
  for (std::size_t i = 0; i < num_slots; ++i) new (watched_ + i) Watched;
  std::array<int, 2> ends{};
  if (::pipe2(ends.data(), O_CLOEXEC) < 0) throw system_error("cannot open a pipe to the guardian of commands", errno);
  const support::UniqueFd guardian_end(ends[0]);
  alive_.reset(ends[1]);
  guardian_ = ::fork();
  if (guardian_ == 0) guard(guardian_end.get());
  if (guardian_ < 0) throw system_error("cannot fork the guardian of commands", errno);
}

ProcessGuardian::~ProcessGuardian() {
  alive_.reset();
  while (::waitpid(guardian_, nullptr, 0) < 0 && errno == EINTR) {
  }
  ::munmap(run_, size());
}

std::size_t ProcessGuardian::size() const {
  return sizeof(Run) + num_slots_ * sizeof(Watched);
}

}  // namespace drover::exec
