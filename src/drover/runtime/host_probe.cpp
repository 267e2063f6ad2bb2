#include "drover/runtime/host_probe.hpp"

#include <poll.h>
#include <sys/wait.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <cstdlib>
#include <fstream>
#include <sstream>
#include <string_view>

#include "drover/control/control_socket.hpp"
#include "drover/control/host_slots.hpp"
#include "drover/runtime/clock.hpp"
#include "drover/runtime/launcher.hpp"
#include "drover/support/duration.hpp"
#include "drover/support/shell_quote.hpp"
#include "drover/transport/mpi_session.hpp"

namespace drover::runtime {

namespace {

constexpr int kShellFoundNothing = 127;
constexpr int kSshFailed = 255;
/// An agent that does not end when it is told to must not keep the master waiting.
constexpr core::Duration kEndGrace = std::chrono::milliseconds(100);

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

/// The agent's words, split at spaces: it may have options of its own. Of alternatives (`ssh : rsh`),
/// the first.
std::vector<std::string> agent() {
  std::istringstream words(configured_agent());
  std::vector<std::string> command;
  for (std::string word; words >> word && word != ":";) command.push_back(word);
  return command;
}

std::vector<std::string> command_for(const std::string& host, const std::vector<std::string>& program,
                                     core::Duration limit) {
  std::vector<std::string> command = agent();
  if (is_ssh(command)) {
    const auto seconds = std::max<std::int64_t>(std::chrono::duration_cast<std::chrono::seconds>(limit).count(), 1);
    for (const std::string& option :
         {std::string("-x"), std::string("-o"), std::string("BatchMode=yes"), std::string("-o"),
          "ConnectTimeout=" + std::to_string(seconds), std::string("--")})
      command.push_back(option);
  }
  command.push_back(host);
  std::string remote;
  for (const std::string& word : program) remote += support::shell_quote(word) + " ";
  command.push_back(remote + "--version");
  return command;
}

std::vector<std::string> lines(const std::string& text) {
  std::vector<std::string> result;
  std::istringstream stream(text);
  for (std::string line; std::getline(stream, line);) {
    while (!line.empty() && (line.back() == '\r' || line.back() == ' ')) line.pop_back();
    if (!line.empty()) result.push_back(line);
  }
  return result;
}

/// What was complained of: warnings and banners come before it.
std::string last_line(const std::string& text) {
  const std::vector<std::string> all = lines(text);
  return all.empty() ? "it said nothing" : all.back();
}

/// The line with this beginning among banners and warnings of a login; empty when there is none.
std::string line_with(const std::string& text, std::string_view beginning) {
  for (const std::string& line : lines(text))
    if (line.starts_with(beginning)) return line;
  return {};
}

/// What ssh says, in fewer words where they are known; else its own.
std::string explain_ssh(const std::string& host, const std::string& output) {
  const auto says = [&](std::string_view words) { return output.find(words) != std::string::npos; };
  if (says("Could not resolve")) return "host " + host + " does not resolve";
  if (says("Permission denied")) return "host " + host + " refuses the login: " + last_line(output);
  if (says("Host key verification failed"))
    return "host " + host + " refuses the login: its key is not the known one, or not known here";
  return "host " + host + " does not answer: " + last_line(output);
}

/// What is wrong with the drover that answered; empty when nothing is.
std::string judge_versions(const std::string& host, const std::string& output, const std::string& own_version) {
  const std::string drover = line_with(output, "drover ");
  if (drover.empty()) return "host " + host + " cannot run drover: " + last_line(output);
  if (drover != "drover " + own_version)
    return "host " + host + " has another version: " + drover + ", here it is drover " + own_version;
  const std::string mpi = line_with(output, "Open MPI ");
  const std::string own_mpi = transport::mpi_version();
  if (!mpi.starts_with(own_mpi + ","))
    return "host " + host + " has another MPI: " + mpi.substr(0, mpi.find(',')) + ", here it is " + own_mpi;
  return {};
}

}  // namespace

bool is_ssh(const std::vector<std::string>& agent) {
  return agent.front() == "ssh" || agent.front().ends_with("/ssh");
}

HostProbe::HostProbe(const std::vector<std::string>& hosts, const std::vector<std::string>& program,
                     std::string drover_version, core::Duration limit, core::Time now)
    : program_(program.front()), drover_version_(std::move(drover_version)), limit_(limit), deadline_(now + limit) {
  for (const std::string& host : hosts) {
    if (control::is_this_machine(host)) continue;
    if (std::string fault = control::host_name_fault(host); !fault.empty()) {  // the agent is not to see it
      unusable_.push_back({host, std::move(fault)});
      continue;
    }
    ChildProcess::Options child;
    child.command = command_for(host, program, limit);
    child.unset = launcher_variables();
    child.env = {"LC_ALL=C"};  // ssh's words are looked at
    child.end_grace = kEndGrace;
    asked_.push_back({host, ChildProcess(child)});
  }
}

std::optional<std::vector<HostFault>> HostProbe::poll(core::Time now) {
  std::vector<HostFault> faults = unusable_;
  for (Asked& asked : asked_) {
    const auto add = [&](std::string what) { faults.push_back({asked.host, std::move(what)}); };
    asked.process.poll();
    if (!asked.process.has_ended()) {
      if (now < deadline_) return std::nullopt;
      add("host " + asked.host + " did not answer within " + support::format_duration(limit_));
      continue;
    }
    const int status = asked.process.wait_status();
    const std::string& output = asked.process.output();
    if (WIFEXITED(status) && WEXITSTATUS(status) == kSshFailed)
      add(explain_ssh(asked.host, output));
    else if (WIFEXITED(status) && WEXITSTATUS(status) == kShellFoundNothing)
      add("host " + asked.host + " has no " + program_ + ": install drover there at the same path");
    else if (status != 0)
      add("host " + asked.host + " cannot run drover (" + describe_wait_status(status) + "): " + last_line(output));
    else if (const std::string fault = judge_versions(asked.host, output, drover_version_); !fault.empty())
      add(fault);
  }
  return faults;
}

std::vector<int> HostProbe::fds() const {
  std::vector<int> fds;
  for (const Asked& asked : asked_)
    for (const int fd : asked.process.fds()) fds.push_back(fd);
  return fds;
}

std::vector<HostFault> faults_of(HostProbe probe) {
  constexpr int kLookMilliseconds = 100;
  while (true) {
    if (const auto faults = probe.poll(now())) return *faults;
    std::vector<pollfd> polled;
    for (const int fd : probe.fds())
      if (fd >= 0) polled.push_back({fd, POLLIN, 0});
    ::poll(polled.data(), polled.size(), kLookMilliseconds);
  }
}

std::string describe(const std::vector<HostFault>& faults) {
  std::string text;
  for (const HostFault& fault : faults) text += (text.empty() ? "" : "; ") + fault.what;
  return text;
}

}  // namespace drover::runtime
