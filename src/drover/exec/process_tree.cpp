#include "drover/exec/process_tree.hpp"

#include <dirent.h>
#include <fcntl.h>
#include <unistd.h>

#include <array>
#include <cerrno>
#include <charconv>
#include <memory>

#include "drover/support/unique_fd.hpp"

namespace drover::exec {

namespace {

/// An environment is no larger than what exec takes; it is not to fill our memory either.
constexpr std::size_t kMostBytes = 8U << 20;
/// The field of stat that says when a process began, counted from the one behind its name.
constexpr int kStartTimeField = 20;

std::string read_file(const std::string& path) {
  std::string text;
  const support::UniqueFd file(::open(path.c_str(), O_RDONLY | O_CLOEXEC));
  if (!file) return text;
  std::array<char, 4096> buffer;
  while (text.size() < kMostBytes) {
    const ssize_t num = ::read(file.get(), buffer.data(), buffer.size());
    if (num < 0 && errno == EINTR) continue;
    if (num <= 0) break;
    text.append(buffer.data(), static_cast<std::size_t>(num));
  }
  return text;
}

template <class Number>
std::optional<Number> parse(std::string_view text) {
  Number number{};
  const auto parsed = std::from_chars(text.data(), text.data() + text.size(), number);
  if (parsed.ec != std::errc() || parsed.ptr != text.data() + text.size()) return std::nullopt;
  return number;
}

/// The entries of a directory that are numbers.
std::vector<pid_t> numbers_in(const std::string& directory) {
  std::vector<pid_t> numbers;
  const auto close = [](DIR* open) { ::closedir(open); };
  const std::unique_ptr<DIR, decltype(close)> entries(::opendir(directory.c_str()), close);
  if (!entries) return numbers;
  while (const dirent* entry = ::readdir(entries.get()))
    if (const auto number = parse<pid_t>(entry->d_name)) numbers.push_back(*number);
  return numbers;
}

std::string directory_of(pid_t pid) {
  return "/proc/" + std::to_string(pid);
}

void append_children(std::vector<pid_t>& children, pid_t pid, pid_t thread) {
  const std::string list = read_file(directory_of(pid) + "/task/" + std::to_string(thread) + "/children");
  for (std::string_view rest = list; !rest.empty();) {
    const std::string_view word = rest.substr(0, rest.find(' '));
    rest.remove_prefix(std::min(rest.size(), word.size() + 1));
    if (const auto child = parse<pid_t>(word)) children.push_back(*child);
  }
}

/// The value of a variable among others that each end with NUL.
std::optional<std::string_view> value_in(std::string_view environment, std::string_view name) {
  for (std::string_view rest = environment; !rest.empty();) {
    const std::string_view variable = rest.substr(0, rest.find('\0'));
    rest.remove_prefix(std::min(rest.size(), variable.size() + 1));
    if (variable.size() > name.size() && variable.starts_with(name) && variable[name.size()] == '=')
      return variable.substr(name.size() + 1);
  }
  return std::nullopt;
}

}  // namespace

std::optional<ProcessId> identify(pid_t pid) {
  const std::string stat = read_file(directory_of(pid) + "/stat");
  // The name is in brackets, and may have brackets and blanks itself.
  const std::size_t end_of_name = stat.rfind(')');
  if (end_of_name == std::string::npos) return std::nullopt;
  std::string_view rest = std::string_view(stat).substr(end_of_name + 1);
  for (int field = 1; !rest.empty(); ++field) {
    rest.remove_prefix(1);
    const std::string_view word = rest.substr(0, rest.find(' '));
    if (field == kStartTimeField) {
      const auto start_time = parse<std::uint64_t>(word);
      return start_time ? std::optional<ProcessId>({pid, *start_time}) : std::nullopt;
    }
    rest.remove_prefix(word.size());
  }
  return std::nullopt;
}

std::vector<pid_t> children_of(pid_t pid) {
  std::vector<pid_t> children;
  for (const pid_t thread : numbers_in(directory_of(pid) + "/task")) append_children(children, pid, thread);
  return children;
}

std::vector<pid_t> children_of_first_thread(pid_t pid) {
  std::vector<pid_t> children;
  append_children(children, pid, pid);
  return children;
}

std::vector<pid_t> descendants_of(pid_t pid) {
  std::vector<pid_t> found = children_of(pid);
  for (std::size_t i = 0; i < found.size(); ++i) {
    const std::vector<pid_t> children = children_of(found[i]);
    found.insert(found.end(), children.begin(), children.end());
  }
  return found;
}

std::string process_name(pid_t pid) {
  std::string name = read_file(directory_of(pid) + "/comm");
  if (name.ends_with('\n')) name.pop_back();
  return name;
}

std::optional<core::AttemptId> attempt_of(pid_t pid, std::string_view run_dir) {
  const std::string environment = read_file(directory_of(pid) + "/environ");
  if (value_in(environment, "DROVER_RUN_DIR") != run_dir) return std::nullopt;
  const auto task = value_in(environment, "DROVER_TASK_ID");
  const auto n = value_in(environment, "DROVER_TASK_ATTEMPT");
  if (!task || !n) return std::nullopt;
  const auto task_number = parse<std::uint64_t>(*task);
  const auto attempt_number = parse<std::uint32_t>(*n);
  if (!task_number || !attempt_number) return std::nullopt;
  return core::AttemptId{core::TaskId(*task_number), *attempt_number};
}

std::vector<pid_t> all_processes() {
  return numbers_in("/proc");
}

}  // namespace drover::exec
