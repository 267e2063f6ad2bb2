#include "drover/exec/command_spawner.hpp"

#include <fcntl.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <string_view>
#include <system_error>
#include <utility>

#include "drover/exec/plain_command.hpp"
#include "drover/support/error.hpp"
#include "drover/support/open_files.hpp"

namespace drover::exec {

namespace {

/// For MPI's connections and drover's own files.
constexpr int kSpareDescriptors = 16;

std::vector<char*> argument_vector(std::vector<std::string>& arguments) {
  std::vector<char*> pointers;
  for (std::string& argument : arguments) pointers.push_back(argument.data());
  pointers.push_back(nullptr);
  return pointers;
}

}  // namespace

CommandSpawner::CommandSpawner(const core::ExecProfile& profile, const Identity& identity, const Variables& origin,
                               ProcessGuardian& guardian)
    : shell_(profile.shell),
      workdir_(profile.workdir),
      environment_(profile, identity, origin),
      guardian_(guardian),
      null_(::open("/dev/null", O_RDONLY | O_CLOEXEC)),
      ignored_signals_(ignored_signals()),
      open_files_(support::users_open_files()) {
  if (!null_) throw system_error("cannot open /dev/null", errno);
}

Spawned CommandSpawner::spawn(const StartOrder& order) {
  if (order.text.find('\0') != std::string::npos) {
    Spawned refused;
    refused.errno_value = EINVAL;
    return refused;
  }
  const Environment::ForAttempt environment = environment_.for_attempt(order.attempt, order.placement);
  SpawnRequest request;
  request.envp = environment.pointers();
  request.workdir = workdir_.empty() ? nullptr : workdir_.c_str();
  request.stdin_fd = null_.get();
  request.announce = &guardian_.group(order.placement.slot);
  request.ignored_signals = ignored_signals_;
  request.num_spare_descriptors = kSpareDescriptors;
  request.open_files = open_files_;
  std::vector<std::string> shell_words{shell_, "-c", order.text};
  const std::vector<char*> shell_argv = argument_vector(shell_words);
  const std::string shell_path = find_program(shell_);
  std::optional<std::vector<std::string>> words = split_plain_command(order.text);
  std::vector<char*> direct_argv;
  std::string program;
  // A function that bash exports goes before a program of the same name.
  if (words && !environment_.value("BASH_FUNC_" + words->front() + "%%").empty()) words.reset();
  if (words) {
    program = find_program(words->front());
    direct_argv = argument_vector(*words);
    if (!program.empty()) request.candidates.push_back({program.c_str(), direct_argv.data()});
  }
  // The shell also has the say on what could not be executed directly, in words that people know.
  request.candidates.push_back({shell_path.empty() ? shell_.c_str() : shell_path.c_str(), shell_argv.data()});
  Spawned spawned = exec::spawn(request);
  if (spawned.pid < 0 && words) forget_program(words->front());
  return spawned;
}

std::string CommandSpawner::explain(const Spawned& spawned, std::size_t num_bytes) const {
  const std::string reason = std::generic_category().message(spawned.errno_value);
  if (spawned.failed_call.empty()) return "the command contains a NUL byte";
  if (spawned.failed_call == "chdir") return "cannot change to directory '" + workdir_ + "': " + reason;
  if (spawned.errno_value == E2BIG)
    return "the command of " + std::to_string(num_bytes) + " bytes is too long for this system (E2BIG)";
  if (spawned.failed_call == "exec") return "cannot execute shell '" + shell_ + "': " + reason;
  return spawned.failed_call + ": " + reason;
}

/// The path of a program as a shell would find it; empty if there is none.
std::string CommandSpawner::find_program(const std::string& name) {
  if (name.find('/') != std::string::npos) return name;
  {
    const std::lock_guard lock(mutex_);
    if (const auto known = programs_.find(name); known != programs_.end()) return known->second;
  }
  std::string_view path = environment_.value("PATH");
  while (!path.empty()) {
    const std::string_view directory = path.substr(0, path.find(':'));
    path.remove_prefix(std::min(path.size(), directory.size() + 1));
    const std::string candidate = (directory.empty() ? "." : std::string(directory)) + "/" + name;
    if (::access(candidate.c_str(), X_OK) != 0) continue;
    const std::lock_guard lock(mutex_);
    return programs_[name] = candidate;
  }
  return {};
}

void CommandSpawner::forget_program(const std::string& name) {
  const std::lock_guard lock(mutex_);
  programs_.erase(name);
}

}  // namespace drover::exec
