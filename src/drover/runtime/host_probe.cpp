#include "drover/runtime/host_probe.hpp"

#include <poll.h>

#include <string_view>

#include "drover/control/control_socket.hpp"
#include "drover/control/host_slots.hpp"
#include "drover/runtime/clock.hpp"
#include "drover/runtime/host_agent.hpp"
#include "drover/runtime/launcher.hpp"
#include "drover/support/duration.hpp"
#include "drover/transport/mpi_session.hpp"

namespace drover::runtime {

namespace {

/// An agent that does not end when it is told to must not keep the master waiting.
constexpr core::Duration kEndGrace = std::chrono::milliseconds(100);

/// What was complained of: warnings and banners come before it.
std::string last_line(const std::string& text) {
  const std::vector<std::string> all = lines_of(text);
  return all.empty() ? "it said nothing" : all.back();
}

/// The line with this beginning among banners and warnings of a login; empty when there is none.
std::string line_with(const std::string& text, std::string_view beginning) {
  for (const std::string& line : lines_of(text))
    if (line.starts_with(beginning)) return line;
  return {};
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

HostProbe::HostProbe(const std::vector<std::string>& hosts, const std::vector<std::string>& program,
                     std::string drover_version, core::Duration limit, core::Time now)
    : program_(program.front()), drover_version_(std::move(drover_version)), limit_(limit), deadline_(now + limit) {
  std::vector<std::string> question = program;
  question.emplace_back("--version");
  for (const std::string& host : hosts) {
    if (control::is_this_machine(host)) continue;
    if (std::string fault = control::host_name_fault(host); !fault.empty()) {  // the agent is not to see it
      unusable_.push_back({host, std::move(fault)});
      continue;
    }
    ChildProcess::Options child;
    child.command = command_on(host, question, limit);
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
    if (status != 0)
      add(explain_end(asked.host, program_, status, output));
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
