#include "drover/cli/launcher_process.hpp"

#include <unistd.h>

#include <algorithm>
#include <array>
#include <filesystem>
#include <fstream>
#include <string_view>

namespace drover::cli {

namespace {

constexpr auto kLaunchers = std::to_array<std::string_view>({"mpirun", "mpiexec", "orterun", "prterun"});

/// The entries of a file of /proc that each end with NUL.
std::vector<std::string> entries(const std::string& process, const std::string& name) {
  std::ifstream file("/proc/" + process + "/" + name, std::ios::binary);
  std::vector<std::string> words;
  for (std::string word; std::getline(file, word, '\0');) words.push_back(word);
  return words;
}

std::vector<std::string> command_line(const std::string& process) {
  return entries(process, "cmdline");
}

bool is_launcher(const std::vector<std::string>& words) {
  if (words.empty()) return false;
  const std::string name = std::filesystem::path(words.front()).filename().string();
  return std::find(kLaunchers.begin(), kLaunchers.end(), name) != kLaunchers.end();
}

}  // namespace

std::optional<LauncherProcess> find_launcher_process() {
  const pid_t parent = ::getppid();
  std::vector<std::string> words = command_line(std::to_string(parent));
  if (!is_launcher(words)) return std::nullopt;
  // Our own command line is the end of its.
  const std::vector<std::string> own = command_line("self");
  if (words.size() <= own.size() || !std::equal(own.begin() + 1, own.end(), words.end() - std::ssize(own) + 1))
    return std::nullopt;
  words.resize(words.size() - own.size());
  return LauncherProcess{parent, std::move(words)};
}

std::vector<std::string> environment_before_launcher() {
  const std::string parent = std::to_string(::getppid());
  std::vector<std::string> environment;
  if (is_launcher(command_line(parent))) environment = entries(parent, "environ");
  return environment.empty() ? entries("self", "environ") : environment;
}

}  // namespace drover::cli
