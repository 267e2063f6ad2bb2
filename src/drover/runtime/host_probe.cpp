#include "drover/runtime/host_probe.hpp"

#include <sys/wait.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <cstdlib>
#include <sstream>
#include <string_view>

#include "drover/control/control_socket.hpp"
#include "drover/runtime/launcher.hpp"
#include "drover/support/duration.hpp"

namespace drover::runtime {

namespace {

constexpr int kShellFoundNothing = 127;
constexpr int kSshFailed = 255;

bool is_this_machine(const std::string& host) {
  if (host == "localhost" || host == "127.0.0.1" || host == "::1") return true;
  const std::string own = control::host_name();
  return host == own || host == own.substr(0, own.find('.'));
}

/// The agent's words, split at spaces: it may have options of its own.
std::vector<std::string> agent() {
  const char* configured = std::getenv("OMPI_MCA_plm_rsh_agent");
  std::istringstream words(configured != nullptr && *configured != '\0' ? configured : "ssh");
  std::vector<std::string> command;
  for (std::string word; words >> word;) command.push_back(word);
  return command;
}

std::vector<std::string> command_for(const std::string& host, const std::string& program, core::Duration limit) {
  std::vector<std::string> command = agent();
  if (command.front() == "ssh" || command.front().ends_with("/ssh")) {
    const auto seconds = std::max<std::int64_t>(std::chrono::duration_cast<std::chrono::seconds>(limit).count(), 1);
    for (const std::string& option : {std::string("-x"), std::string("-o"), std::string("BatchMode=yes"),
                                      std::string("-o"), "ConnectTimeout=" + std::to_string(seconds)})
      command.push_back(option);
  }
  command.push_back(host);
  command.push_back(program + " --version");
  return command;
}

std::string first_line(const std::string& text) {
  return text.substr(0, text.find_first_of("\r\n"));
}

/// What ssh says, in fewer words where they are known; else its own.
std::string explain_ssh(const std::string& host, const std::string& output) {
  const auto says = [&](std::string_view words) { return output.find(words) != std::string::npos; };
  if (says("Could not resolve")) return "host " + host + " does not resolve";
  if (says("Permission denied")) return "host " + host + " refuses the login: " + first_line(output);
  if (says("Host key verification failed")) return "host " + host + " is not known: its key could not be verified";
  return "host " + host + " does not answer: " + (output.empty() ? "the remote agent failed" : first_line(output));
}

}  // namespace

HostProbe::HostProbe(const std::vector<std::string>& hosts, const std::string& program, std::string drover_version,
                     core::Duration limit, core::Time now)
    : program_(program), drover_version_(std::move(drover_version)), limit_(limit), deadline_(now + limit) {
  for (const std::string& host : hosts) {
    if (is_this_machine(host)) continue;
    ChildProcess::Options child;
    child.command = command_for(host, program, limit);
    child.unset = launcher_variables();
    asked_.push_back({host, ChildProcess(child)});
  }
}

std::optional<std::string> HostProbe::poll(core::Time now) {
  std::string faults;
  const auto add = [&faults](const std::string& fault) { faults += (faults.empty() ? "" : "; ") + fault; };
  for (Asked& asked : asked_) {
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
      add("host " + asked.host + " cannot run drover (" + describe_wait_status(status) + "): " + first_line(output));
    else if (const std::string version = first_line(output); version != "drover " + drover_version_)
      add("host " + asked.host + " has another version: " + version + ", here it is drover " + drover_version_);
  }
  return faults;
}

std::vector<int> HostProbe::fds() const {
  std::vector<int> fds;
  for (const Asked& asked : asked_)
    for (const int fd : asked.process.fds()) fds.push_back(fd);
  return fds;
}

}  // namespace drover::runtime
