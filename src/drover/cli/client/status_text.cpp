#include "drover/cli/client/status_text.hpp"

#include <algorithm>
#include <array>
#include <cstdio>
#include <map>
#include <set>
#include <string_view>
#include <vector>

#include "drover/support/duration.hpp"

namespace drover::cli {

namespace {

using support::format_duration;

/// Columns as wide as they must be; those whose head begins with a space are numbers, on the right.
class Table {
 public:
  explicit Table(std::vector<std::string> head) { add(std::move(head)); }

  void add(std::vector<std::string> row) { rows_.push_back(std::move(row)); }

  [[nodiscard]] std::string text() const {
    std::string text;
    for (const std::vector<std::string>& row : rows_) {
      std::string line;
      for (std::size_t i = 0; i < row.size(); ++i) line += (i > 0 ? "  " : "") + cell(row[i], i);
      line.erase(line.find_last_not_of(' ') + 1);
      text += line + "\n";
    }
    return text;
  }

 private:
  [[nodiscard]] std::string cell(const std::string& value, std::size_t column) const {
    const bool is_number = rows_.front()[column].starts_with(' ');
    const std::string shown = value.starts_with(' ') ? value.substr(1) : value;
    const std::string padding(width(column) - shown.size(), ' ');
    return is_number ? padding + shown : shown + padding;
  }
  [[nodiscard]] std::size_t width(std::size_t column) const {
    std::size_t most = 0;
    for (const std::vector<std::string>& row : rows_)
      most = std::max(most, row[column].size() - (row[column].starts_with(' ') ? 1 : 0));
    return most;
  }

  std::vector<std::vector<std::string>> rows_;
};

std::string_view name_of(control::RunPhase phase) {
  using control::RunPhase;
  switch (phase) {
    case RunPhase::starting:
      return "waiting for its first worker";
    case RunPhase::running:
      return "running";
    case RunPhase::waiting:
      return "waiting for tasks";
    case RunPhase::stopping:
      return "stopping";
    case RunPhase::closing:
      return "ending";
  }
  return "";
}

std::string_view name_of(control::GroupState state) {
  using control::GroupState;
  switch (state) {
    case GroupState::starting:
      return "starting";
    case GroupState::running:
      return "running";
    case GroupState::draining:
      return "draining";
    case GroupState::left:
      return "left";
    case GroupState::lost:
      return "lost";
  }
  return "";
}

std::string_view name_of(control::WorkerState state) {
  using control::WorkerState;
  switch (state) {
    case WorkerState::idle:
      return "idle";
    case WorkerState::busy:
      return "busy";
    case WorkerState::draining:
      return "draining";
    case WorkerState::silent:
      return "silent";
  }
  return "";
}

/// ", 3 failed": nothing when there are none.
std::string also(std::uint64_t num, const char* what) {
  return num == 0 ? "" : ", " + std::to_string(num) + " " + what;
}

std::string tasks_line(const control::reply::Status& status) {
  const core::Counts& counts = status.counts;
  return "tasks   " + std::to_string(counts.accepted) + (status.is_input_ended ? "" : "+") + ": " +
         std::to_string(counts.succeeded) + " done" + also(counts.failed, "failed") +
         also(counts.timed_out, "timed out") + also(counts.cancelled, "cancelled") +
         also(counts.quarantined, "quarantined") + ", " + std::to_string(counts.executing) + " running, " +
         std::to_string(counts.unfinished() - std::min(counts.executing, counts.unfinished())) + " queued" +
         (counts.delayed > 0 ? " (" + std::to_string(counts.delayed) + " to be retried)" : "") + "\n";
}

std::string rate_line(const control::reply::Status& status) {
  std::array<char, 32> rate{};
  std::snprintf(rate.data(), rate.size(), status.tasks_per_second < 10 ? "%.1f/s" : "%.0f/s", status.tasks_per_second);
  std::string line = std::string("rate    ") + rate.data();
  if (status.mean_runtime) line += ", " + format_duration(*status.mean_runtime) + " a task";
  if (status.remaining) line += ", " + format_duration(*status.remaining) + " left";
  return line + "\n";
}

std::string losses_line(const core::Counts& counts) {
  if (counts.workers_lost == 0 && counts.lost_attempts == 0 && counts.superseded == 0) return "";
  return "losses  workers " + std::to_string(counts.workers_lost) + ", attempts " +
         std::to_string(counts.lost_attempts) + ", late results dropped " + std::to_string(counts.superseded) + "\n";
}

std::string groups_table(const control::reply::Status& status) {
  Table table({" GROUP", "STATE", "CAME BY", " RANKS", " SLOTS", " BUSY", " LOST", " AGE"});
  for (const control::GroupStatus& group : status.groups)
    table.add({std::to_string(group.group.value), std::string(name_of(group.state)),
               std::string(core::to_string(group.source)),
               std::to_string(group.num_workers) + "/" + std::to_string(group.population),
               std::to_string(group.num_slots), std::to_string(group.num_busy_slots), std::to_string(group.num_lost),
               format_duration(group.age)});
  return table.text();
}

/// What its workers come to.
struct HostLine {
  std::set<core::GroupId> groups;
  std::uint32_t num_workers = 0;
  std::uint32_t num_slots = 0;
  std::uint32_t num_executing = 0;
  std::uint32_t num_draining = 0;
  std::uint32_t num_silent = 0;
  std::string quarantine;

  [[nodiscard]] std::string state() const {
    if (!quarantine.empty()) return "quarantined: " + quarantine;
    std::string text;
    if (num_silent > 0) text += std::to_string(num_silent) + " silent";
    if (num_draining > 0) text += (text.empty() ? "" : ", ") + std::to_string(num_draining) + " draining";
    return text.empty() ? "ok" : text;
  }
  [[nodiscard]] std::string group_list() const {
    std::string text;
    for (const core::GroupId group : groups) text += (text.empty() ? "" : ",") + std::to_string(group.value);
    return text.empty() ? "-" : text;
  }
};

std::map<std::string, HostLine> hosts_of(const control::reply::Status& status) {
  std::map<std::string, HostLine> hosts;
  for (const control::WorkerStatus& worker : status.workers) {
    HostLine& host = hosts[worker.host];
    host.groups.insert(worker.group);
    host.num_workers += 1;
    host.num_slots += worker.num_slots;
    host.num_executing += worker.num_executing;
    host.num_draining += worker.state == control::WorkerState::draining ? 1 : 0;
    host.num_silent += worker.state == control::WorkerState::silent ? 1 : 0;
  }
  for (const control::QuarantinedHost& host : status.quarantined_hosts)
    hosts[host.host].quarantine = host.reason.empty() ? "it lost too many workers" : host.reason;
  return hosts;
}

std::string hosts_table(const control::reply::Status& status) {
  Table table({"HOST", "GROUPS", " RANKS", " SLOTS", " BUSY", " IDLE", "STATE"});
  for (const auto& [name, host] : hosts_of(status))
    table.add({name, host.group_list(), std::to_string(host.num_workers), std::to_string(host.num_slots),
               std::to_string(host.num_executing),
               std::to_string(host.num_slots - std::min(host.num_executing, host.num_slots)), host.state()});
  return table.text();
}

std::string workers_table(const control::reply::Status& status) {
  Table table({" RANK", " GROUP", "HOST", " PID", "STATE", " SLOTS", " RUNNING", " AHEAD", " HEARD"});
  for (const control::WorkerStatus& worker : status.workers)
    table.add({std::to_string(worker.worker.value), std::to_string(worker.group.value), worker.host,
               std::to_string(worker.pid), std::string(name_of(worker.state)), std::to_string(worker.num_slots),
               std::to_string(worker.num_executing),
               std::to_string(worker.num_held - std::min(worker.num_executing, worker.num_held)),
               format_duration(worker.silent_for) + " ago"});
  return table.text();
}

}  // namespace

std::string format_status(const control::reply::Status& status, bool with_workers) {
  std::string text = "run     " + status.run_id + ": " + std::string(name_of(status.phase)) + ", up " +
                     format_duration(status.elapsed) + ", master on " + status.host + " (process " +
                     std::to_string(status.pid) + ")" + (status.is_kept_open ? ", kept open" : "") + "\n";
  text += tasks_line(status) + rate_line(status) + losses_line(status.counts);
  for (const std::string& notice : status.notices) text += "note    " + notice + "\n";
  if (!status.groups.empty()) text += "\n" + groups_table(status);
  if (!status.workers.empty() || !status.quarantined_hosts.empty()) text += "\n" + hosts_table(status);
  if (with_workers && !status.workers.empty()) text += "\n" + workers_table(status);
  return text;
}

}  // namespace drover::cli
