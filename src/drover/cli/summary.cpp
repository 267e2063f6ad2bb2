#include "drover/cli/summary.hpp"

#include <algorithm>
#include <array>
#include <cstdio>

#include "drover/core/outcome.hpp"
#include "drover/support/duration.hpp"

namespace drover::cli {

namespace {

constexpr std::size_t kMostFailuresShown = 5;
constexpr std::size_t kMostCommandShown = 100;

double seconds(core::Duration duration) {
  return std::chrono::duration<double>(duration).count();
}

/// On one line, without control characters, not too long.
std::string shown(const std::string& text, std::size_t most) {
  std::string line = text.substr(0, most);
  std::replace_if(
      line.begin(), line.end(), [](char c) { return static_cast<unsigned char>(c) < 0x20 || c == 0x7f; }, ' ');
  return text.size() > most ? line + "..." : line;
}

std::string plural(std::uint64_t num, const std::string& noun) {
  return std::to_string(num) + " " + noun + (num == 1 ? "" : "s");
}

std::string counts_text(const runtime::RunEnd& end) {
  const core::Counts& counts = end.counts;
  std::string text = plural(counts.accepted, "task") + ": " + std::to_string(counts.succeeded) + " succeeded";
  const auto add = [&text](std::uint64_t num, const char* what) {
    if (num > 0) text += ", " + std::to_string(num) + " " + what;
  };
  add(counts.failed, "failed");
  add(counts.timed_out, "timed out");
  add(counts.cancelled, "cancelled");
  add(counts.quarantined, "quarantined");
  add(counts.unfinished(), "not run");
  if (end.is_input_left) text += ", the rest of the input not read,";
  return text;
}

}  // namespace

void Summary::on_facts(std::span<const core::Fact> facts, core::WallMicros) {
  for (const core::Fact& fact : facts) std::visit([this](const auto& f) { on(f); }, fact);
}

void Summary::on_turn(const core::Scheduler& scheduler, core::Time now) {
  slot_seconds_ += seconds(now - changed_) * static_cast<double>(scheduler.num_slots());
  changed_ = now;
}

void Summary::on(const core::fact::TaskAccepted& fact) {
  Unfinished& task = unfinished_[fact.task];
  task.command = fact.spec.kind == core::TaskKind::command
                     ? core::with_job_slot(fact.spec.payload, fact.spec.slot_marks, "${PARALLEL_JOBSLOT}")
                     : fact.spec.tag;
}

void Summary::on(const core::fact::WorkerJoined& fact) {
  hosts_[fact.worker] = fact.host;
}

void Summary::on(const core::fact::WorkerEnded& fact) {
  hosts_.erase(fact.worker);
}

void Summary::on(const core::fact::AttemptEnded& fact) {
  busy_seconds_ += seconds(fact.result.runtime);
  if (core::is_success(fact.result.outcome)) return;
  unfinished_[fact.result.attempt.task].attempt =
      Attempt{hosts_[fact.worker], core::describe(fact.result.outcome), fact.result.stderr_tail};
}

void Summary::on(const core::fact::AttemptLost& fact) {
  if (!fact.charged) return;
  unfinished_[fact.attempt.task].attempt = Attempt{hosts_[fact.worker], "its worker died while it was executing", ""};
}

void Summary::on(const core::fact::TaskEnded& fact) {
  auto task = unfinished_.extract(fact.task);
  if (fact.how == core::TaskEnd::succeeded || !task) return;
  if (failures_.size() < kMostFailuresShown) failures_.push_back({fact.task, fact.how, std::move(task.mapped())});
}

/// What was cancelled says so, whatever its attempts had come to before; of the others the last attempt tells why.
std::string Summary::text_of(const Failure& failure) {
  const std::string task = "  task " + std::to_string(failure.task.value);
  const std::string command = ": " + shown(failure.what.command, kMostCommandShown) + "\n";
  const std::optional<Attempt>& attempt = failure.what.attempt;
  if (!attempt) return task + ": " + std::string(core::to_string(failure.how)) + " before it was executed" + command;
  const std::string where = task + " on " + attempt->host + ": ";
  if (failure.how == core::TaskEnd::cancelled) return where + "cancelled" + command;
  std::string text = where + attempt->outcome + command;
  // Of one that could not start the reason is all there is.
  if (!attempt->stderr_tail.empty() && attempt->outcome.find(attempt->stderr_tail) == std::string::npos)
    text += "    " + shown(attempt->stderr_tail, kMostCommandShown) + "\n";
  return text;
}

std::string Summary::failures_text() const {
  std::string text;
  for (const Failure& failure : failures_) text += text_of(failure);
  return text;
}

std::string Summary::text(const runtime::RunEnd& end, const std::filesystem::path& run_dir,
                          const NextCommands& next) const {
  const core::Counts& counts = end.counts;
  const double used = slot_seconds_ > 0 ? std::min(busy_seconds_ / slot_seconds_, 1.0) : 0;
  std::array<char, 32> percent{};
  std::snprintf(percent.data(), percent.size(), "%.0f%%", used * 100);
  std::string text = "drover: " + counts_text(end) + " in " + support::format_duration(changed_ - started_) +
                     ", slots busy " + percent.data() + " of the time";
  if (counts.workers_lost > 0) text += ", " + plural(counts.workers_lost, "worker") + " lost";
  if (counts.superseded > 0) text += ", " + plural(counts.superseded, "late result") + " dropped";
  if (!run_dir.empty()) text += "; see " + run_dir.string();
  text += "\n" + failures_text();
  if (counts.unsuccessful() > failures_.size())
    text += "  and " + std::to_string(counts.unsuccessful() - failures_.size()) + " more: see joblog.tsv there\n";
  if (counts.unsuccessful() > 0 && !next.resume_failed.empty())
    text += "  to run just those again: " + next.resume_failed + "\n";
  if (end.has_work_left() && !next.resume.empty()) text += "  to go on with the rest: " + next.resume + "\n";
  return text;
}

}  // namespace drover::cli
