// The ledger, a line an event:
//   try                        sbatch is about to be called
//   job ID NODES SECONDS       it was submitted, for so many nodes and so long
//   end ID NODE_SECONDS        Slurm has it no more
// It holds no time of day, so that clocks do not matter. A try is written before sbatch is called, and jobs
// are found by their name: one that a dying master submitted is no secret.

#include "drover/runtime/auto_allocator.hpp"

#include <spdlog/spdlog.h>

#include <algorithm>
#include <fstream>
#include <sstream>

#include "drover/runtime/clock.hpp"
#include "drover/support/error.hpp"

namespace drover::runtime {

namespace {

using namespace std::chrono_literals;

/// How often the plan is looked at.
constexpr core::Duration kLookInterval = 200ms;

std::filesystem::path ledger_path(const std::filesystem::path& run_dir) {
  return run_dir / "auto-alloc.tsv";
}

std::int64_t seconds(core::Duration duration) {
  return std::chrono::ceil<std::chrono::seconds>(duration).count();
}

/// As it would be typed.
std::string printable(const std::vector<std::string>& command) {
  std::string text;
  for (const std::string& word : command) {
    const bool is_plain = word.find_first_of(" '\"\\$") == std::string::npos;
    text += (text.empty() ? "" : " ") + (is_plain ? word : "\"" + word + "\"");
  }
  return text;
}

/// Waiting for these is nobody's fault.
bool is_patience_enough(const std::string& reason) {
  return reason.empty() || reason == "None" || reason == "Priority" || reason == "Resources" || reason == "Dependency";
}

}  // namespace

AutoAllocator::AutoAllocator(AutoAllocOptions options, Say say)
    : options_(std::move(options)), say_(std::move(say)), plan_(options_.policy) {
  if (!options_.is_dry_run) recall();
  is_queue_known_ = plan_.num_tries() == 0;
}

AutoAllocator::~AutoAllocator() {
  try {
    end();
  } catch (const Error& e) {
    say_(e.what());
  }
}

void AutoAllocator::recall() {
  ledger_.emplace(ledger_path(options_.run_dir));
  ledger_->drop_torn_line();
  std::ifstream file(ledger_->path());
  for (std::string line; std::getline(file, line);) {
    std::istringstream words(line);
    std::string event;
    std::string id;
    std::int64_t first = 0;
    std::int64_t second = 0;
    words >> event >> id >> first >> second;
    if (event == "try") plan_.recall_try();
    if (event == "job") plan_.recall_job(id, {static_cast<std::uint32_t>(first), std::chrono::seconds(second)});
    if (event == "end") plan_.recall_end(id, std::chrono::seconds(first));
  }
}

void AutoAllocator::record(const std::string& line) {
  if (!ledger_) return;
  ledger_->append(line + "\n");
  ledger_->flush();
}

void AutoAllocator::hand_over() {
  is_handed_over_ = true;
}

void AutoAllocator::on_facts(std::span<const core::Fact> facts, core::WallMicros) {
  for (const core::Fact& fact : facts)
    if (const auto* formed = std::get_if<core::fact::GroupFormed>(&fact))
      has_joined_ = has_joined_ || formed->source == core::GroupSource::join;
}

void AutoAllocator::on_turn(const core::Scheduler& scheduler, core::Time now) {
  if (std::exchange(has_joined_, false)) plan_.on_joined(now);
  if (now < next_look_) return;
  next_look_ = now + kLookInterval;
  try {
    plan_.note(scheduler.is_open() ? core::backlog_of(scheduler) : core::Backlog{}, now);
    take_answer(now);
    if (tool_) return;
    const bool must_look = !is_queue_known_ || (plan_.has_jobs() && !options_.is_dry_run);
    if (must_look && now >= next_list_) return start(squeue_command(options_.run_dir), false, now);
    if (!is_queue_known_) return;
    if (const std::optional<std::string> reason = plan_.due(now)) submit(*reason, now);
    say_cap(now);
  } catch (const Error& e) {
    spdlog::error("auto-alloc: {}", e.what());
    plan_.on_failed(now);
  }
}

WorkerJob AutoAllocator::job() const {
  return {options_.run_dir, plan_.job_size(), options_.inherited_options, options_.sbatch_options,
          options_.worker_command};
}

void AutoAllocator::submit(const std::string& reason, core::Time now) {
  const std::vector<std::string> command = sbatch_command(job());
  spdlog::info("auto-alloc: {}: {}", reason, printable(command));
  plan_.on_submitting();
  if (options_.is_dry_run) {
    say_(reason + ": would submit: " + printable(command));
    return plan_.on_submitted("would-be-" + std::to_string(plan_.num_tries()), now);
  }
  record("try");
  start(command, true, now);
}

void AutoAllocator::start(std::vector<std::string> command, bool is_submission, core::Time now) {
  next_list_ = now + options_.poll_interval;
  const std::string name = command.front();
  try {
    tool_.emplace(Tool{start_slurm_tool(std::move(command), environment_), is_submission, now + options_.answer_limit});
  } catch (const Error& e) {
    if (is_submission) return take_submission(false, e.what(), now);
    take_queue(false, e.what(), now);
  }
}

void AutoAllocator::take_answer(core::Time now) {
  if (!tool_) return;
  tool_->process.poll();
  const bool has_ended = tool_->process.has_ended();
  if (!has_ended && now < tool_->deadline) return;
  const bool is_good = has_ended && tool_->process.wait_status() == 0;
  const std::string output = has_ended ? tool_->process.output() : "no answer in time";
  const bool is_submission = tool_->is_submission;
  tool_.reset();
  is_submission ? take_submission(is_good, output, now) : take_queue(is_good, output, now);
}

/// One that gave no answer may have been heard all the same: its job is found by its name.
void AutoAllocator::take_submission(bool is_good, const std::string& output, core::Time now) {
  const std::optional<std::string> id = is_good ? submitted_job(output) : std::nullopt;
  if (!id) {
    const std::string what = is_good ? "sbatch named no job: " : "no job was submitted: ";
    spdlog::warn("auto-alloc: {}{}", what, output);
    say_(what + slurm_words(output));
    is_queue_known_ = false;
    return plan_.on_failed(now);
  }
  plan_.on_submitted(*id, now);
  const core::JobSize size = plan_.job_size();
  record("job " + *id + " " + std::to_string(size.num_nodes) + " " + std::to_string(seconds(size.limit)));
  say_("Slurm job " + *id + " was submitted: its nodes will join");
}

void AutoAllocator::take_queue(bool is_good, const std::string& output, core::Time now) {
  if (!is_good) {
    spdlog::warn("auto-alloc: squeue: {}", slurm_words(output));
    return;  // what was known still counts
  }
  std::vector<core::ListedJob> listed;
  for (const QueueEntry& entry : queue_entries(output)) {
    listed.push_back(entry.job);
    if (!is_patience_enough(entry.reason) && std::exchange(reasons_[entry.job.id], entry.reason) != entry.reason)
      say_("Slurm job " + entry.job.id + " waits: " + entry.reason);
  }
  is_queue_known_ = true;
  for (const core::EndedJob& ended : plan_.on_listed(listed, now)) {
    record_end(ended);
    if (!ended.has_joined)
      say_("Slurm job " + ended.id + " ended before its nodes had joined: see " +
           (options_.run_dir / ("auto-alloc-" + ended.id + ".log")).string());
  }
}

void AutoAllocator::record_end(const core::EndedJob& ended) {
  record("end " + ended.id + " " + std::to_string(seconds(ended.node_time)));
  reasons_.erase(ended.id);
  spdlog::info("auto-alloc: job {} has ended after {} node-seconds", ended.id, seconds(ended.node_time));
}

void AutoAllocator::say_cap(core::Time now) {
  const std::string cap = plan_.cap_reached(now);
  if (cap.empty() || cap == told_cap_) return;
  told_cap_ = cap;
  say_("no further job is submitted: " + cap);
}

void AutoAllocator::end() {
  if (options_.is_dry_run) return;
  if (tool_ && tool_->is_submission) {
    (void)wait_for_end(tool_->process, options_.last_answer_limit);
    take_answer(tool_->deadline);  // if it has none, it gives none any more
  }
  tool_.reset();
  if (is_handed_over_ || (is_queue_known_ && !plan_.has_jobs())) return;
  if (const std::string failure = cancel_slurm_jobs(options_.run_dir); !failure.empty()) return say_(failure);
  for (const core::EndedJob& ended : plan_.on_listed({}, now())) record_end(ended);
}

std::string cancel_left_jobs(const std::filesystem::path& run_dir) {
  std::error_code ignored;
  const auto size = std::filesystem::file_size(ledger_path(run_dir), ignored);
  return ignored || size == 0 ? "" : cancel_slurm_jobs(run_dir);
}

}  // namespace drover::runtime
