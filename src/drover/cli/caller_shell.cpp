#include "drover/cli/caller_shell.hpp"

#include <unistd.h>

#include <algorithm>
#include <array>
#include <cstdlib>
#include <filesystem>
#include <fstream>
#include <string_view>

namespace drover::cli {

namespace {

namespace fs = std::filesystem;

constexpr const char* kPosixShell = "/bin/sh";
constexpr auto kShells = std::to_array<std::string_view>({"bash", "zsh", "ksh", "ksh93", "mksh", "dash"});
/// More than between any terminal and a rank.
constexpr int kMostAncestors = 64;

/// 0: none, or not to be known.
pid_t parent_of(pid_t process) {
  std::ifstream file("/proc/" + std::to_string(process) + "/stat");
  std::string stat;
  std::getline(file, stat);
  // "PID (NAME) STATE PARENT ...", where a name may have anything in it.
  const std::size_t name_end = stat.rfind(')');
  return name_end == std::string::npos ? 0 : std::atoi(stat.c_str() + std::min(name_end + 4, stat.size()));
}

}  // namespace

std::string caller_shell() {
  if (const char* chosen = std::getenv("PARALLEL_SHELL"); chosen != nullptr && *chosen != '\0') return chosen;
  pid_t process = ::getppid();
  for (int i = 0; i < kMostAncestors && process > 0; ++i, process = parent_of(process)) {
    std::error_code error;
    const fs::path program = fs::read_symlink("/proc/" + std::to_string(process) + "/exe", error);
    const bool is_shell = std::find(kShells.begin(), kShells.end(), program.filename().string()) != kShells.end();
    if (!error && is_shell && ::access(program.c_str(), X_OK) == 0) return program.string();
  }
  return kPosixShell;
}

std::vector<std::string> exported_functions() {
  std::vector<std::string> functions;
  for (char** variable = environ; *variable != nullptr; ++variable)
    if (std::string_view(*variable).starts_with("BASH_FUNC_")) functions.emplace_back(*variable);
  return functions;
}

}  // namespace drover::cli
