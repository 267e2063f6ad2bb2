#include "drover/runtime/host_agent.hpp"

#include <sys/wait.h>

#include <algorithm>
#include <cstdlib>
#include <fstream>
#include <sstream>
#include <string_view>

#include "drover/control/host_slots.hpp"
#include "drover/runtime/child_process.hpp"
#include "drover/runtime/launcher.hpp"
#include "drover/runtime/slurm_allocation.hpp"
#include "drover/support/error.hpp"
#include "drover/support/shell_quote.hpp"

namespace drover::runtime {

namespace {

constexpr int kShellFoundNothing = 127;
constexpr int kSshFailed = 255;
/// How drover's own messages begin.
constexpr std::string_view kOwnWords = "drover: ";

/// The value in a file of MCA parameters, `name = value` a line; empty when it is not there.
std::string value_in(const std::string& path, std::string_view name) {
  std::ifstream file(path);
  for (std::string line; std::getline(file, line);) {
    std::istringstream words(line);
    std::string key;
    std::string equals;
    std::string value;
    if (words >> key >> equals && key == name && equals == "=" && std::getline(words >> std::ws, value)) return value;
  }
  return {};
}

/// As mpirun finds it.
std::string configured_agent() {
  for (const char* variable : {"PRTE_MCA_plm_ssh_agent", "OMPI_MCA_plm_rsh_agent", "OMPI_MCA_orte_rsh_agent"})
    if (const char* value = std::getenv(variable); value != nullptr && *value != '\0') return value;
  std::vector<std::string> files;
  if (const char* home = std::getenv("HOME")) files.push_back(std::string(home) + "/.openmpi/mca-params.conf");
  files.emplace_back("/etc/openmpi/openmpi-mca-params.conf");
  for (const std::string& file : files)
    if (std::string value = value_in(file, "plm_rsh_agent"); !value.empty()) return value;
  return "ssh";
}

/// The agent's words, split at spaces: it may have options of its own. Of alternatives (`ssh : rsh`), the first.
std::vector<std::string> agent() {
  std::istringstream words(configured_agent());
  std::vector<std::string> command;
  for (std::string word; words >> word && word != ":";) command.push_back(word);
  if (command.empty()) throw Error("Open MPI's plm_rsh_agent is blank; expected the program that reaches other hosts");
  return command;
}

/// The Slurm job of this process, if the host is a node of it.
std::optional<std::string> own_job_with(const std::string& host, const Environment& environment) {
  const std::optional<SlurmAllocation> allocation = slurm_allocation(environment);
  const auto is_host = [&host](const SlurmNode& node) { return node.name == host; };
  if (!allocation || std::none_of(allocation->nodes.begin(), allocation->nodes.end(), is_host)) return std::nullopt;
  return allocation->job_id;
}

/// What a user has set for every MPI job here, for the one that starts there: ssh does not pass it on.
std::vector<std::string> mpi_settings(const Environment& environment) {
  std::vector<std::string> settings;
  for (const auto& [name, value] : environment) {
    const auto begins_name = [&name = name](const std::string& beginning) { return name.starts_with(beginning); };
    const bool is_set_by_user = name.starts_with("OMPI_MCA_") || name.starts_with("OMPI_ALLOW_RUN_AS_ROOT");
    const std::vector<std::string>& launchers = launcher_variables();
    if (is_set_by_user && std::none_of(launchers.begin(), launchers.end(), begins_name))
      settings.push_back(name + "=" + value);
  }
  return settings;
}

std::vector<std::string> by_srun(const std::string& job_id, const std::string& host,
                                 const std::vector<std::string>& command, const Environment& environment) {
  std::vector<std::string> words = srun_into_job(job_id, host, environment);
  words.emplace_back("--cpu-bind=none");
  words.insert(words.end(), command.begin(), command.end());
  return words;
}

std::vector<std::string> by_agent(const std::string& host, const std::vector<std::string>& command,
                                  core::Duration limit, const Environment& environment) {
  std::vector<std::string> words = agent();
  if (is_ssh(words)) {
    const auto seconds = std::max<std::int64_t>(std::chrono::duration_cast<std::chrono::seconds>(limit).count(), 1);
    words.insert(words.end(), {"-x", "-o", "BatchMode=yes", "-o", "ConnectTimeout=" + std::to_string(seconds), "-o",
                               "ServerAliveInterval=5", "-o", "ServerAliveCountMax=3", "--"});
  }
  words.push_back(host);
  std::string remote = "env";
  for (const std::string& setting : mpi_settings(environment)) remote += " " + support::shell_quote(setting);
  for (const std::string& word : command) remote += " " + support::shell_quote(word);
  words.push_back(remote);
  return words;
}

/// What ssh says, in fewer words where they are known; else its own.
std::string explain_ssh(const std::string& host, const std::string& output, const std::string& last) {
  const auto says = [&](std::string_view words) { return output.find(words) != std::string::npos; };
  if (says("Could not resolve")) return "host " + host + " does not resolve";
  if (says("Permission denied")) return "host " + host + " refuses the login: " + last;
  if (says("Host key verification failed"))
    return "host " + host + " refuses the login: its key is not the known one, or not known here";
  return "host " + host + " does not answer: " + last;
}

}  // namespace

bool is_ssh(const std::vector<std::string>& agent) {
  return agent.front() == "ssh" || agent.front().ends_with("/ssh");
}

std::vector<std::string> command_on(const std::string& host, const std::vector<std::string>& command,
                                    core::Duration limit) {
  if (const std::string fault = control::host_name_fault(host); !fault.empty()) throw UsageError(fault);
  const Environment environment = process_environment();
  if (const std::optional<std::string> job = own_job_with(host, environment))
    return by_srun(*job, host, command, environment);
  return by_agent(host, command, limit, environment);
}

std::string explain_end(const std::string& host, const std::string& program, int wait_status,
                        const std::string& output) {
  const std::vector<std::string> lines = lines_of(output);
  const std::string last = lines.empty() ? "it said nothing" : lines.back();
  if (WIFEXITED(wait_status) && WEXITSTATUS(wait_status) == kSshFailed) return explain_ssh(host, output, last);
  if (WIFEXITED(wait_status) && WEXITSTATUS(wait_status) == kShellFoundNothing)
    return "host " + host + " has no " + program + ": install drover there at the same path";
  for (const std::string& line : lines)
    if (line.starts_with(kOwnWords)) return "host " + host + ": " + line.substr(kOwnWords.size());
  return "host " + host + " cannot run drover (" + describe_wait_status(wait_status) + "): " + last;
}

std::vector<std::string> lines_of(const std::string& text) {
  std::vector<std::string> result;
  std::istringstream stream(text);
  for (std::string line; std::getline(stream, line);) {
    while (!line.empty() && (line.back() == '\r' || line.back() == ' ')) line.pop_back();
    if (!line.empty()) result.push_back(line);
  }
  return result;
}

}  // namespace drover::runtime
