#include "drover/cli/resume_command.hpp"

#include <cstdlib>
#include <filesystem>
#include <optional>
#include <string_view>

#include "drover/cli/launcher_process.hpp"
#include "drover/support/own_program.hpp"
#include "drover/support/shell_quote.hpp"

namespace drover::cli {

namespace {

namespace fs = std::filesystem;

/// `drover` if that is what a shell would find, else this program's path.
std::string program_name() {
  std::error_code error;
  const fs::path self = support::own_program();
  const std::string name = self.filename().string();
  const char* path = std::getenv("PATH");
  std::string_view rest = path != nullptr ? path : "";
  while (!rest.empty()) {
    const fs::path candidate = fs::path(rest.substr(0, rest.find(':'))) / name;
    rest.remove_prefix(
        std::min(rest.size(), rest.find(':') == std::string_view::npos ? rest.size() : rest.find(':') + 1));
    if (fs::exists(candidate, error))
      return fs::equivalent(candidate, self, error) ? name : support::shell_quote(self.string());
  }
  return support::shell_quote(self.string());
}

}  // namespace

std::string resume_command(const std::string& option, const fs::path& run_dir, bool by_launcher,
                           const Program* program) {
  std::string command;
  const std::optional<LauncherProcess> launcher = by_launcher ? find_launcher_process() : std::nullopt;
  if (launcher)
    for (const std::string& word : launcher->words) command += support::shell_quote(word) + " ";
  command +=
      program_name() + (program == nullptr ? " run " : " ") + option + " " + support::shell_quote(run_dir.string());
  if (program == nullptr || program->args_after.size() < 2) return command;
  for (const std::string& word : program->args_after) command += " " + support::shell_quote(word);
  return command;
}

}  // namespace drover::cli
