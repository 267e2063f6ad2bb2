#include "drover/runtime/start_check.hpp"

#include <unistd.h>

#include <cerrno>
#include <cstdlib>
#include <cstring>
#include <filesystem>
#include <string_view>
#include <system_error>

namespace drover::runtime {

namespace {

namespace fs = std::filesystem;

std::string directory_obstacle() {
  std::error_code error;
  (void)fs::current_path(error);
  return error ? "the working directory is not there any more (" + error.message() + "): go to one that is" : "";
}

/// Where Open MPI keeps a directory for its ranks: as it finds the place itself.
std::string session_obstacle() {
  std::string_view variable;
  std::string directory = "/tmp";
  for (const char* name : {"TMPDIR", "TEMP", "TMP"})
    if (const char* value = std::getenv(name); value != nullptr) {
      variable = name;
      directory = value;
      break;
    }
  std::string probe = directory + "/drover-XXXXXX";
  if (::mkdtemp(probe.data()) != nullptr) {
    ::rmdir(probe.c_str());
    return "";
  }
  const std::string reason = std::strerror(errno);
  return "no files can be made in " + (variable.empty() ? "" : std::string(variable) + " ") + "'" + directory + "' (" +
         reason + "), where Open MPI keeps those of its ranks: set TMPDIR to a directory of yours";
}

std::string agent_obstacle() {
  for (const char* variable : {"OMPI_MCA_plm_rsh_agent", "OMPI_MCA_orte_rsh_agent", "PRTE_MCA_plm_ssh_agent"}) {
    const char* value = std::getenv(variable);
    if (value != nullptr && *value != '\0' &&
        std::string_view(value).find_first_not_of(" \t") == std::string_view::npos)
      return std::string(variable) + " is blank; expected the program that reaches other hosts, such as ssh: unset it";
  }
  return "";
}

}  // namespace

std::string start_obstacle() {
  for (const auto& obstacle : {directory_obstacle, session_obstacle, agent_obstacle})
    if (std::string text = obstacle(); !text.empty()) return text;
  return "";
}

}  // namespace drover::runtime
