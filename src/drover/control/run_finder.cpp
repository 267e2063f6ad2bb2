#include "drover/control/run_finder.hpp"

#include <fcntl.h>
#include <sys/file.h>

#include <algorithm>
#include <cerrno>
#include <system_error>

#include "drover/support/error.hpp"

namespace drover::control {

namespace fs = std::filesystem;

namespace {

constexpr const char* kRunsDirectory = "drover-runs";
constexpr std::size_t kMostListed = 20;

bool has_directory(const fs::path& path) {
  std::error_code ignored;
  return fs::is_directory(path, ignored);
}

fs::file_time_type time_of(const fs::path& directory) {
  std::error_code error;
  for (const fs::path& path : {lock_path(directory), directory})
    if (const auto time = fs::last_write_time(path, error); !error) return time;
  return {};
}

/// Locks reach further than sockets: to all hosts that share the file system, if it has any.
bool is_locked(const fs::path& directory) {
  const support::UniqueFd lock(::open(lock_path(directory).c_str(), O_RDONLY | O_NONBLOCK | O_NOFOLLOW | O_CLOEXEC));
  return lock && ::flock(lock.get(), LOCK_SH | LOCK_NB) < 0 && errno == EWOULDBLOCK;
}

RunState state_of(const fs::path& directory, const std::optional<MasterPlace>& place) {
  const Connected connected = connect_to(directory);
  if (connected.socket || connected.error == EAGAIN) return RunState::live;
  if (connected.error == EACCES || connected.error == EPERM) return RunState::not_yours;
  if (!is_locked(directory)) return RunState::over;
  return place && place->host != host_name() ? RunState::elsewhere : RunState::unreachable;
}

template <class Take>
void for_each_directory(const fs::path& parent, const Take& take) {
  std::error_code error;
  for (fs::directory_iterator entry(parent, error), end; !error && entry != end; entry.increment(error))
    if (std::error_code ignored; entry->is_directory(ignored)) take(entry->path());
}

bool may_be_live(const fs::path& directory) {
  std::error_code ignored;
  return fs::exists(fs::symlink_status(socket_path(directory), ignored)) || fs::exists(lock_path(directory), ignored);
}

std::string listed(const std::vector<RunInfo>& runs) {
  std::string text;
  for (std::size_t i = 0; i < std::min(runs.size(), kMostListed); ++i) text += "\n  " + runs[i].directory.string();
  if (runs.size() > kMostListed) text += "\n  and " + std::to_string(runs.size() - kMostListed) + " more";
  return text;
}

fs::path choose_by_name(const std::string& name, const fs::path& base) {
  for (const fs::path& path : {base / name, base / kRunsDirectory / name})
    if (has_directory(path)) return path;
  throw UsageError("there is no run '" + name + "': no such directory, here or in " + kRunsDirectory);
}

UsageError none_is_live(const std::vector<RunInfo>& runs) {
  for (const RunInfo& run : runs)
    if (run.state == RunState::elsewhere) return UsageError(unreachable(run.directory, ENOENT).what());
  if (runs.empty()) return UsageError("no run is going on here: name the directory of one with --run");
  return UsageError("no run is going on here, the last one (" + runs.front().directory.string() +
                    ") is over: name the directory of another with --run");
}

}  // namespace

RunInfo look_at_run(const fs::path& directory) {
  const std::optional<MasterPlace> place = read_master_place(directory);
  return {directory, state_of(directory, place), place, time_of(directory)};
}

std::vector<RunInfo> find_runs(const fs::path& base) {
  std::vector<RunInfo> runs;
  for_each_directory(base / kRunsDirectory, [&](const fs::path& path) { runs.push_back(look_at_run(path)); });
  const auto take_live = [&](const fs::path& path) {
    if (!may_be_live(path)) return;
    if (RunInfo run = look_at_run(path); run.state != RunState::over) runs.push_back(std::move(run));
  };
  take_live(base);
  for_each_directory(base, take_live);
  std::stable_sort(runs.begin(), runs.end(), [](const RunInfo& a, const RunInfo& b) { return a.time > b.time; });
  return runs;
}

fs::path choose_run(const std::string& name, const fs::path& base) {
  if (!name.empty()) return choose_by_name(name, base);
  const std::vector<RunInfo> runs = find_runs(base);
  std::vector<RunInfo> live;
  std::copy_if(runs.begin(), runs.end(), std::back_inserter(live),
               [](const RunInfo& run) { return run.state == RunState::live || run.state == RunState::unreachable; });
  if (live.empty()) throw none_is_live(runs);
  if (live.size() > 1)
    throw UsageError(std::to_string(live.size()) +
                     " runs are going on here: say with --run which is meant:" + listed(live));
  return live.front().directory;
}

bool is_coming_back(const fs::path& run_dir) {
  return look_at_run(run_dir).state == RunState::unreachable;
}

Unreachable unreachable(const fs::path& run_dir, int errno_value) {
  using Reason = Unreachable::Reason;
  const std::string run = "run '" + run_dir.string() + "'";
  if (!has_directory(run_dir)) return {Reason::no_run, "there is no " + run};
  if (errno_value == EACCES || errno_value == EPERM) return {Reason::not_yours, run + " belongs to another user"};
  if (errno_value != ENOENT && errno_value != ECONNREFUSED && errno_value != ENOTDIR)
    return {Reason::over, "cannot reach the master of " + run + ": " + std::generic_category().message(errno_value)};
  const RunInfo info = look_at_run(run_dir);
  if (info.state == RunState::elsewhere)
    return {Reason::elsewhere, "the master of " + run + " is on " + info.place->host +
                                   ": call drover there, as in 'ssh " + info.place->host + " drover status --run " +
                                   fs::absolute(run_dir).string() + "'"};
  if (info.state == RunState::unreachable)
    return {Reason::no_answer, "the master of " + run + (info.place ? " (" + to_string(*info.place) + ")" : "") +
                                   " lives, but '" + socket_path(run_dir).string() +
                                   "' is missing, and it has not made it again: it is stopped, or cannot write there"};
  if (info.place)
    return {Reason::over, run + " has no master any more: " + to_string(*info.place) +
                              " died; go on with: drover run --resume " + run_dir.string()};
  return {Reason::over, run + " is over, or has not begun: no master serves it"};
}

}  // namespace drover::control
