// The process is known by a descriptor as well as by its number: a number that was reaped may be another's.

#include "drover/runtime/child_process.hpp"

#include <fcntl.h>
#include <poll.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <cerrno>
#include <csignal>
#include <cstdlib>
#include <string_view>
#include <utility>

#include "drover/exec/spawn.hpp"
#include "drover/runtime/clock.hpp"
#include "drover/support/error.hpp"

namespace drover::runtime {

namespace {

constexpr std::size_t kMostOutputBytes = 8192;

std::vector<char*> pointers(const std::vector<std::string>& strings) {
  std::vector<char*> result;
  for (const std::string& string : strings) result.push_back(const_cast<char*>(string.c_str()));  // exec's signature
  result.push_back(nullptr);
  return result;
}

std::vector<std::string> paths_of(const std::string& program) {
  if (program.find('/') != std::string::npos) return {program};
  std::vector<std::string> paths;
  const char* path = std::getenv("PATH");
  std::string_view rest = path != nullptr ? path : "/usr/bin:/bin";
  while (true) {  // an empty one, also all of it, is the working directory
    const std::string_view directory = rest.substr(0, rest.find(':'));
    paths.push_back((directory.empty() ? "." : std::string(directory)) + "/" + program);
    if (directory.size() == rest.size()) return paths;
    rest.remove_prefix(directory.size() + 1);
  }
}

std::vector<std::string> environment(const ChildProcess::Options& options) {
  const auto starts_with = [](std::string_view variable) {
    return [variable](const std::string& beginning) { return variable.starts_with(beginning); };
  };
  std::vector<std::string> result;
  for (char** variable = environ; *variable != nullptr; ++variable)
    if (std::none_of(options.unset.begin(), options.unset.end(), starts_with(*variable)))
      result.emplace_back(*variable);
  for (const std::string& variable : options.env) {
    const std::string name = variable.substr(0, variable.find('=') + 1);
    std::erase_if(result, [&](const std::string& other) { return other.starts_with(name); });
    result.push_back(variable);
  }
  return result;
}

}  // namespace

ChildProcess::ChildProcess(const Options& options) : end_grace_(options.end_grace) {
  const std::vector<std::string> env = environment(options);
  const std::vector<char*> envp = pointers(env);
  const std::vector<char*> argv = pointers(options.command);
  const std::vector<std::string> paths = paths_of(options.command.front());
  const support::UniqueFd null(::open("/dev/null", O_RDONLY | O_CLOEXEC));
  exec::SpawnRequest request;
  for (const std::string& path : paths) request.candidates.push_back({path.c_str(), argv.data()});
  request.envp = envp.data();
  request.stdin_fd = options.channel >= 0 ? options.channel : null.get();
  request.stdout_fd = options.channel;
  if (options.shares_errors) request.stderr_fd = STDERR_FILENO;
  request.death_signal = SIGTERM;
  request.has_own_session = options.has_own_session;
  exec::Spawned spawned = exec::spawn(request);
  if (spawned.pid < 0) throw system_error("cannot start '" + options.command.front() + "'", spawned.errno_value);
  pid_ = spawned.pid;
  process_fd_.reset(static_cast<int>(::syscall(SYS_pidfd_open, pid_, 0)));
  output_fds_.push_back(std::move(spawned.stdout_fd));
  output_fds_.push_back(std::move(spawned.stderr_fd));
}

ChildProcess& ChildProcess::operator=(ChildProcess&& other) noexcept {
  std::swap(pid_, other.pid_);
  std::swap(end_grace_, other.end_grace_);
  std::swap(process_fd_, other.process_fd_);
  std::swap(output_fds_, other.output_fds_);
  std::swap(output_, other.output_);
  std::swap(has_ended_, other.has_ended_);
  std::swap(wait_status_, other.wait_status_);
  return *this;
}

ChildProcess::~ChildProcess() {
  end();
}

void ChildProcess::poll() {
  pollfd ended{process_fd_.get(), POLLIN, 0};
  // Looked at before its output, so that nothing that it wrote is missed.
  const bool is_over = ::poll(&ended, 1, 0) > 0;
  for (support::UniqueFd& fd : output_fds_) {
    std::array<char, 4096> buffer{};
    ssize_t num = 0;
    while (fd && (num = ::read(fd.get(), buffer.data(), buffer.size())) > 0) {
      output_.append(buffer.data(), static_cast<std::size_t>(num));
      if (output_.size() > 2 * kMostOutputBytes) output_.erase(0, output_.size() - kMostOutputBytes);
    }
    if (num == 0) fd.reset();
  }
  if (!is_over || has_ended_) return;
  has_ended_ = true;
  int status = 0;
  if (::waitpid(pid_, &status, WNOHANG) == pid_) wait_status_ = status;
  process_fd_.reset();
}

void ChildProcess::signal(int number) const {
  if (has_ended_ || !process_fd_) return;
  // As long as the leader is not reaped its number is not given to another group.
  if (::syscall(SYS_pidfd_send_signal, process_fd_.get(), number, nullptr, 0) == 0) ::kill(-pid_, number);
}

void ChildProcess::end() {
  if (!process_fd_) return;
  poll();
  for (const int number : {SIGTERM, SIGKILL}) {
    if (has_ended_) return;
    signal(number);
    pollfd ended{process_fd_.get(), POLLIN, 0};
    const auto grace = std::chrono::ceil<std::chrono::milliseconds>(end_grace_);
    ::poll(&ended, 1, static_cast<int>(grace.count()));
    poll();
  }
}

bool wait_for_end(ChildProcess& process, core::Duration limit) {
  const core::Time deadline = now() + limit;
  for (process.poll(); !process.has_ended() && now() < deadline; process.poll()) {
    std::vector<pollfd> polled;
    for (const int fd : process.fds()) polled.push_back({fd, POLLIN, 0});
    ::poll(polled.data(), polled.size(), 100);
  }
  return process.has_ended();
}

std::string describe_wait_status(int wait_status) {
  if (WIFSIGNALED(wait_status)) return "killed by signal " + std::to_string(WTERMSIG(wait_status));
  return "exit status " + std::to_string(WEXITSTATUS(wait_status));
}

}  // namespace drover::runtime
