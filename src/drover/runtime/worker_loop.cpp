#include "drover/runtime/worker_loop.hpp"

#include <spdlog/spdlog.h>
#include <unistd.h>

#include <algorithm>
#include <csignal>
#include <utility>

#include "drover/exec/host_cores.hpp"
#include "drover/runtime/clock.hpp"
#include "drover/runtime/isolated_functions.hpp"
#include "drover/runtime/process_watch.hpp"

namespace drover::runtime {

namespace {

using namespace std::chrono_literals;

/// Output is sent in pieces of about this size, and at the latest with the next report.
constexpr std::size_t kOutputMessageBytes = 256U << 10;
constexpr core::Duration kLongestTurn = 1s;
/// A message from the master waits for a look no longer than this, nor than this part of the work in hand.
constexpr core::Duration kMostSlack = 5ms;
constexpr core::Duration::rep kWorkParts = 8;
/// With more output than this on its way, what the master takes care of is urgent.
constexpr std::uint64_t kLargeOutput = 64U << 10;
/// How long the last words may stay here without moving.
constexpr core::Duration kFlushGrace = 5s;

}  // namespace

WorkerLoop::WorkerLoop(WorkerOptions options, transport::Transport& transport, exec::ProcessGuardian& guardian,
                       SignalInbox& signals, CallBoard* calls)
    : options_(std::move(options)),
      transport_(transport),
      guardian_(guardian),
      signals_(signals),
      calls_(calls),
      waiter_(now()),
      now_(now()) {
  if (calls_ != nullptr) outlet_.emplace(*calls_, [this](const wire::Message& message) { send(message); });
}

WorkerEnd WorkerLoop::run() {
  send(wire::Hello{options_.drover_version, options_.host, static_cast<std::int32_t>(::getpid()), pid_scope(),
                   options_.num_slots});
  while (!end_) {
    now_ = now();
    was_active_ = false;
    take_messages();
    take_signals();
    poll_attempts();
    if (machine_ && !end_) handle(core::worker_event::Ticked{});
    send_outputs();
    if (!end_) wait();
  }
  executor_.reset();
  end_functions();
  if (*end_ == WorkerEnd::left) flush();
  return *end_;
}

// --- from the master --------------------------------------------------------------------------

void WorkerLoop::take_messages() {
  while (std::optional<transport::Incoming> incoming = transport_.receive()) {
    was_active_ = true;
    if (const auto* lost = std::get_if<transport::PeerLost>(&*incoming)) {
      spdlog::error("the master is lost: {}", lost->reason);
      perform(core::worker_command::Abandon{});
      return;
    }
    wire::Message message = wire::decode(std::get<transport::Received>(*incoming).bytes.view());
    std::visit([this](auto& m) { take(m); }, message);
    if (end_) return;
  }
}

void WorkerLoop::take(wire::Welcome& welcome) {
  first_job_slot_ = welcome.first_job_slot;
  output_window_ = welcome.output_window;
  heartbeat_ = welcome.heartbeat;
  profile_ = std::move(welcome.profile);
  origin_ = std::move(welcome.origin);
  identity_ = exec::Identity{welcome.worker, welcome.group, options_.host};
  functions_ = make_function_runner();
  // A process is begun when its turn has come, not before.
  const std::uint32_t max_ahead = options_.zygote != nullptr ? 0 : welcome.max_ahead;
  machine_.emplace(core::WorkerPolicy{options_.num_slots, welcome.heartbeat, welcome.master_lease, max_ahead}, now_);
  if (const std::string lack = exec::lack_of_cores(options_.num_slots); !lack.empty()) remark(lack);
}

std::unique_ptr<exec::FunctionRunner> WorkerLoop::make_function_runner() const {
  if (!options_.functions) return nullptr;
  if (options_.zygote != nullptr && calls_ != nullptr)
    return std::make_unique<IsolatedFunctions>(*options_.zygote, *calls_, profile_, *identity_,
                                               IsolatedFunctions::Slots{options_.num_slots, first_job_slot_});
  return std::make_unique<exec::FunctionExecutor>(options_.functions, profile_, *identity_,
                                                  exec::FunctionExecutor::Slots{options_.num_slots, first_job_slot_},
                                                  options_.capture);
}

void WorkerLoop::take(wire::Ticket& ticket) {
  handle(core::worker_event::TicketArrived{std::move(ticket.assignments)});
}

void WorkerLoop::take(wire::Recall& recall) {
  handle(core::worker_event::RecallArrived{std::move(recall.attempts)});
}

void WorkerLoop::take(wire::Kill& kill) {
  handle(core::worker_event::KillArrived{std::move(kill.attempts)});
}

void WorkerLoop::take(const wire::Drain& drain) {
  if (!drain.reason.empty()) spdlog::warn("told to leave: {}", drain.reason);
  if (machine_)
    handle(core::worker_event::DrainArrived{drain.now});
  else
    perform(core::worker_command::Leave{});
}

void WorkerLoop::take(const wire::OutputAck& ack) {
  num_unacknowledged_ -= std::min(num_unacknowledged_, ack.num_bytes);
  handle(core::worker_event::MasterHeard{});
}

void WorkerLoop::take(const wire::Ping&) {
  if (machine_) handle(core::worker_event::MasterHeard{});
}

void WorkerLoop::take(wire::Settled& settled) {
  if (machine_) handle(core::worker_event::MasterHeard{});
  if (calls_ == nullptr) return;
  std::vector<CallBoard::Ended> ended;
  for (wire::SettledCall& call : settled.calls)
    ended.push_back({call.number, {call.how, std::move(call.outcome), call.num_attempts, std::move(call.value), ""}});
  calls_->end(std::move(ended));
}

void WorkerLoop::take(wire::Advanced& advanced) {
  if (machine_) handle(core::worker_event::MasterHeard{});
  if (calls_ != nullptr) calls_->set_progress(advanced.number, {advanced.fraction, std::move(advanced.text)});
}

void WorkerLoop::take(const wire::SubmitAck& ack) {
  if (machine_) handle(core::worker_event::MasterHeard{});
  if (outlet_) outlet_->acknowledge(ack);
}

void WorkerLoop::take(wire::Piece& piece) {
  if (machine_) handle(core::worker_event::MasterHeard{});
  if (calls_ != nullptr) calls_->shelf().add(std::move(piece));
}

void WorkerLoop::take(const wire::Release& release) {
  if (calls_ != nullptr) calls_->shelf().release(release.values);
}

template <class Unexpected>
void WorkerLoop::take(const Unexpected&) {
  throw Error("the master sent a message that only a worker sends");
}

/// Told to terminate, it leaves with all that it holds handed back: whoever does so, such as Slurm at the
/// end of a job, kills it soon.
void WorkerLoop::take_signals() {
  while (const std::optional<int> signal = signals_.next()) {
    departure_.note_signal(*signal, now_);
    if (*signal != SIGTERM || end_) continue;
    spdlog::warn("told to terminate: handing back what executes");
    if (machine_)
      handle(core::worker_event::DrainArrived{true});
    else
      perform(core::worker_command::Leave{});
  }
}

// --- from the attempts ------------------------------------------------------------------------

void WorkerLoop::poll_attempts() {
  // A function has not ended before the tasks that it made have been taken here.
  if (outlet_ && machine_) was_active_ = outlet_->push() || was_active_;
  // Not the time at which the turn began: attempts may have started since.
  if (executor_) {
    executor_->poll(now(), output_budget(), *this);
    for (const std::string& text : executor_->take_remarks(now_)) remark(text);
  }
  if (functions_) functions_->poll(now(), output_budget(), *this);
  for (core::AttemptResult& result : departure_.settle(now()))
    attempt_events_.emplace_back(core::worker_event::AttemptEnded{std::move(result)});
  if (attempt_events_.empty()) return;
  was_active_ = true;
  if (outlet_) (void)outlet_->push();  // what they said last goes before their end
  handle(std::exchange(attempt_events_, {}));
}

void WorkerLoop::remark(const std::string& text) {
  spdlog::info("{}", text);
  send(wire::Remark{text});
}

/// Those that execute as the worker leaves its master in the lurch, or the master it.
void WorkerLoop::end_functions() {
  if (calls_ != nullptr) calls_->close("this worker is leaving the run");
  if (!functions_) return;
  has_left_threads_ = !functions_->shut_down(profile_.kill_after);
  functions_.reset();
}

std::uint64_t WorkerLoop::output_budget() const {
  return output_window_ - std::min(output_window_, num_unacknowledged_);
}

void WorkerLoop::on_output(core::AttemptId attempt, core::Stream stream, std::span<const char> bytes) {
  keep_output(attempt, stream, bytes);
}

void WorkerLoop::on_words(core::Stream stream, std::span<const char> bytes) {
  keep_output(std::nullopt, stream, bytes);
}

void WorkerLoop::keep_output(std::optional<core::AttemptId> attempt, core::Stream stream, std::span<const char> bytes) {
  was_active_ = true;
  num_unacknowledged_ += bytes.size();
  num_output_bytes_ += bytes.size();
  if (outputs_.empty() || outputs_.back().attempt != attempt || outputs_.back().stream != stream)
    outputs_.push_back({attempt, stream, {}});
  outputs_.back().bytes.append(bytes.data(), bytes.size());
  if (num_output_bytes_ >= kOutputMessageBytes) send_outputs();
}

/// Not handled at once: the machine may start the next attempt, and this is the executor calling.
void WorkerLoop::on_ended(core::AttemptResult result) {
  departure_.take(std::move(result), now());
}

void WorkerLoop::on_waiting(core::AttemptId attempt, bool is_waiting) {
  attempt_events_.emplace_back(core::worker_event::AttemptWaits{attempt, is_waiting});
}

// --- what follows -----------------------------------------------------------------------------

void WorkerLoop::handle(std::span<const core::WorkerEvent> events) {
  if (!machine_) throw Error("the master sent work before its welcome");
  for (core::WorkerCommand& command : machine_->handle(events, now_))
    std::visit([this](auto& c) { perform(c); }, command);
}

void WorkerLoop::perform(core::worker_command::Report& command) {
  num_output_bytes_ = 0;
  const wire::Report report{std::exchange(outputs_, {}), std::move(command.started), std::move(command.ended),
                            std::move(command.handed_back), command.num_waiting};
  // A mere sign of life has no part in the order of what is said.
  const bool is_sign_of_life = report.outputs.empty() && report.started.empty() && report.ended.empty() &&
                               report.handed_back.empty() && report.num_waiting == num_waiting_told_;
  num_waiting_told_ = report.num_waiting;
  if (is_sign_of_life)
    transport_.send_ahead(transport::kMaster, wire::encode(report));
  else
    send(report);
}

void WorkerLoop::perform(core::worker_command::Start& command) {
  switch (command.assignment.spec.kind) {
    case core::TaskKind::command:
      if (!executor_) executor_ = std::make_unique<exec::CommandExecutor>(profile_, *identity_, origin_, guardian_);
      executor_->start(command.assignment.attempt, command.assignment.spec,
                       {command.slot, first_job_slot_ + command.slot - 1}, now());
      break;
    case core::TaskKind::function:
      if (!functions_) throw Error("the master sent a function to a program that has none");
      functions_->start(std::move(command.assignment), now());
      break;
  }
}

void WorkerLoop::perform(const core::worker_command::Stop& command) {
  if (executor_) executor_->stop(command.attempt, now_);
  if (functions_) functions_->stop(command.attempt, now_);
}

void WorkerLoop::perform(const core::worker_command::Leave&) {
  if (functions_) functions_->take_last_output(*this);
  send_outputs();
  send(wire::Goodbye{});
  end_ = WorkerEnd::left;
}

void WorkerLoop::perform(const core::worker_command::Abandon&) {
  spdlog::error("the master is gone: ending what executes");
  end_ = WorkerEnd::abandoned;
}

void WorkerLoop::send_outputs() {
  if (outputs_.empty()) return;
  num_output_bytes_ = 0;
  send(wire::Report{std::exchange(outputs_, {}), {}, {}, {}});
}

void WorkerLoop::send(const wire::Message& message) {
  transport_.send(transport::kMaster, wire::encode(message));
}

void WorkerLoop::wait() {
  const core::Time now = runtime::now();
  if (was_active_) waiter_.note_activity(now);
  core::Time deadline = now + kLongestTurn;
  if (machine_) deadline = std::min(deadline, machine_->next_deadline());
  if (functions_)
    if (const auto functions_deadline = functions_->next_deadline()) deadline = std::min(deadline, *functions_deadline);
  if (executor_)
    if (const auto executor_deadline = executor_->next_deadline()) deadline = std::min(deadline, *executor_deadline);
  if (const auto settled = departure_.next_deadline()) deadline = std::min(deadline, *settled);
  // With the window full, output that waits in pipes must not keep us from sleeping.
  const bool is_window_full = num_unacknowledged_ >= output_window_;
  // With work in hand and no large output on its way, nothing that the master may say is urgent.
  core::Duration slack{};
  if (machine_ && num_unacknowledged_ < kLargeOutput) slack = std::min(machine_->work_ahead() / kWorkParts, kMostSlack);
  waiter_.wait({executor_ && !is_window_full ? executor_->fd() : -1, functions_ ? functions_->fd() : -1, signals_.fd(),
                functions_ && !is_window_full ? functions_->output_fd() : -1, outlet_ ? outlet_->fd() : -1,
                calls_ != nullptr ? calls_->shelf().fd() : -1},
               now, deadline, transport_.traffic(), slack);
}

/// A large result may take long, and does as long as it moves; the master hears meanwhile that the worker lives.
void WorkerLoop::flush() {
  core::Time deadline = now() + kFlushGrace;
  core::Time next_sign = now() + heartbeat_;
  for (std::uint64_t num_pieces = 0; transport_.num_unsent_bytes(transport::kMaster) > 0 && now() < deadline;) {
    (void)transport_.receive();
    const transport::Traffic traffic = transport_.traffic();
    if (std::exchange(num_pieces, traffic.num_pieces) != traffic.num_pieces) deadline = now() + kFlushGrace;
    if (traffic.is_under_way && now() >= next_sign) {
      transport_.send_ahead(transport::kMaster, wire::encode(wire::Report{}));
      next_sign = now() + heartbeat_;
    }
    waiter_.wait({}, now(), deadline, traffic);
  }
}

}  // namespace drover::runtime
