// How a command becomes a process: directly where it needs no shell, else by one.
#pragma once

#include <mutex>
#include <optional>
#include <string>
#include <unordered_map>
#include <vector>

#include "drover/core/task.hpp"
#include "drover/exec/environment.hpp"
#include "drover/exec/process_guardian.hpp"
#include "drover/exec/spawn.hpp"
#include "drover/exec/starter.hpp"
#include "drover/support/unique_fd.hpp"

namespace drover::exec {

/// Any thread may call it; a start blocks for as long as the file system does.
class CommandSpawner {
 public:
  /// `guardian` outlives this. Throws drover::Error.
  CommandSpawner(const core::ExecProfile& profile, const Identity& identity, const Variables& origin,
                 ProcessGuardian& guardian);

  [[nodiscard]] Spawned spawn(const StartOrder& order);

  /// Why a command was not started, for people.
  [[nodiscard]] std::string explain(const Spawned& spawned, std::size_t num_bytes) const;

 private:
  [[nodiscard]] std::string find_program(const std::string& name);
  void forget_program(const std::string& name);

  std::string shell_;
  std::string workdir_;
  Environment environment_;
  ProcessGuardian& guardian_;
  support::UniqueFd null_;
  std::vector<int> ignored_signals_;
  std::optional<std::uint64_t> open_files_;
  std::mutex mutex_;
  std::unordered_map<std::string, std::string> programs_;  ///< name -> path, as found in PATH
};

}  // namespace drover::exec
