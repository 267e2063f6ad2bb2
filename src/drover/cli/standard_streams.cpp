#include "drover/cli/standard_streams.hpp"

#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <cerrno>
#include <cstdio>
#include <optional>
#include <string>
#include <string_view>

#include "drover/cli/launcher_process.hpp"
#include "drover/support/error.hpp"
#include "drover/support/unique_fd.hpp"

namespace drover::cli {

namespace {

/// Options of mpirun that change where outputs go or what they look like.
bool handles_outputs(const LauncherProcess& launcher) {
  constexpr auto kMarks = std::to_array<std::string_view>({"output", "xterm", "xml", "merge-stderr", "iof"});
  return std::any_of(launcher.words.begin(), launcher.words.end(), [&kMarks](const std::string& word) {
    return std::any_of(kMarks.begin(), kMarks.end(),
                       [&word](std::string_view mark) { return word.find(mark) != std::string::npos; });
  });
}

/// Returns what was there before; none if it still is.
support::UniqueFd adopt(pid_t launcher, int stream) {
  const std::string path = "/proc/" + std::to_string(launcher) + "/fd/" + std::to_string(stream);
  struct stat status {};
  if (::stat(path.c_str(), &status) != 0) return {};
  const bool is_input = stream == STDIN_FILENO;
  if (!S_ISCHR(status.st_mode) && (is_input || !S_ISFIFO(status.st_mode))) return {};
  const support::UniqueFd fd(
      ::open(path.c_str(), (is_input ? O_RDONLY : O_WRONLY) | O_NOCTTY | O_CLOEXEC | O_NONBLOCK));
  if (!fd || (S_ISCHR(status.st_mode) && ::isatty(fd.get()) != 1)) return {};
  support::UniqueFd before(::fcntl(stream, F_DUPFD_CLOEXEC, 0));
  if (!before) return {};
  ::fcntl(fd.get(), F_SETFL, 0);  // O_NONBLOCK only kept open() from waiting for a reader
  ::dup2(fd.get(), stream);
  return before;
}

}  // namespace

void open_closed_streams() {
  for (const int stream : {STDIN_FILENO, STDOUT_FILENO, STDERR_FILENO})
    if (::fcntl(stream, F_GETFD) < 0 && errno == EBADF)
      // The lowest number that is free is this one.
      (void)::open("/dev/null", stream == STDIN_FILENO ? O_WRONLY : O_RDONLY);
}

void check_printed() {
  if (std::fflush(stdout) != 0 || std::ferror(stdout) != 0) throw system_error("cannot print", errno);
}

LauncherStreams adopt_launcher_streams() {
  const std::optional<LauncherProcess> launcher = find_launcher_process();
  LauncherStreams replaced;
  if (!launcher || handles_outputs(*launcher)) return replaced;
  for (const int stream : {STDIN_FILENO, STDOUT_FILENO, STDERR_FILENO})
    replaced.push_back(adopt(launcher->pid, stream));
  return replaced;
}

}  // namespace drover::cli
