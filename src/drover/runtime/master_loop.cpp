#include "drover/runtime/master_loop.hpp"

#include <spdlog/spdlog.h>

#include <algorithm>
#include <csignal>
#include <set>
#include <utility>

#include "drover/core/limits.hpp"
#include "drover/runtime/clock.hpp"
#include "drover/runtime/dismissal.hpp"
#include "drover/support/duration.hpp"

namespace drover::runtime {

namespace {

using namespace std::chrono_literals;

/// A turn takes in at most this much, so that its facts and commands stay bounded too.
constexpr int kMostMessagesInTurn = 512;
constexpr std::size_t kMostTasksInPull = 4096;
/// Functions that take next to nothing, started ahead of their turn on each slot.
constexpr std::uint32_t kMostAhead = 64;
/// Facts that may wait for the journal before nothing more is dispatched.
constexpr std::size_t kMostUnsafe = 200'000;
/// How often observers hear from a loop that has nothing to do.
constexpr core::Duration kLongestTurn = 200ms;
/// A message waits for a look no longer than this, nor than this part of the work that workers have in hand.
constexpr core::Duration kMostSlack = 5ms;
constexpr core::Duration::rep kWorkParts = 8;
/// How long workers may take to leave, beyond what ending their commands takes.
constexpr core::Duration kLeaveGrace = 2s;

}  // namespace

MasterLoop::MasterLoop(MasterOptions options, MasterPorts ports)
    : options_(std::move(options)),
      is_input_at_end_(options_.start.is_input_ended),
      is_input_ended_(options_.start.is_input_ended),
      ports_(std::move(ports)),
      scheduler_(options_.policy, std::move(options_.start)),
      waiter_(now()),
      now_(now()),
      pid_scope_(pid_scope()) {}

RunEnd MasterLoop::run() {
  try {
    if (options_.num_world_workers > 0)
      handle(core::event::GroupFormed{core::GroupSource::world, options_.num_world_workers, ""});
    first_late_worker_ = scheduler_.next_worker();
    if (options_.time_end) handle(core::event::TimeLimited{*options_.time_end});
    ask_for_hosts();
    while (scheduler_.phase() != core::Scheduler::Phase::closed) {
      turn();
      if (scheduler_.phase() != core::Scheduler::Phase::closed) wait();
    }
    look_for_more_input();
    release(ports_.journal.flush());
    // What the last records made visible is handed on, too.
    for (Observer* observer : ports_.observers) observer->on_turn(scheduler_, now_);
  } catch (const Error& e) {
    failure_ = e.what();
    evacuate();
  }
  if (failure_.empty() && scheduler_.stop_reason() == core::StopReason::no_workers)
    failure_ = "no worker is left, and none came within " + support::format_duration(options_.policy.worker_wait);
  return {scheduler_.counts(), scheduler_.stop_reason(), signal_, !is_input_at_end_, rollover_reason_, failure_};
}

void MasterLoop::turn() {
  now_ = now();
  was_active_ = false;
  // Seen before messages are taken: what those that ended said last has arrived by then.
  const std::vector<core::WorkerId> ended = processes_.ended();
  if (take_messages()) take_deaths(ended);
  take_signals();
  take_requests();
  take_recruits();
  judge_hosts();
  judge_pressure();
  take_input();
  take_calls();
  end_input();
  judge_prospects();
  handle(core::event::Ticked{});
  report_lack_of_workers();
  commit();
  acknowledge_output();
  keep_in_touch();
  for (Observer* observer : ports_.observers) observer->on_turn(scheduler_, now_);
}

void MasterLoop::handle(const core::Event& event) {
  core::Outbox outbox = scheduler_.handle(event, now_);
  std::move(outbox.facts.begin(), outbox.facts.end(), std::back_inserter(outbox_.facts));
  std::move(outbox.commands.begin(), outbox.commands.end(), std::back_inserter(outbox_.commands));
}

// --- what comes in ----------------------------------------------------------------------------

/// Returns whether all that had arrived has been taken.
bool MasterLoop::take_messages() {
  for (int i = 0; i < kMostMessagesInTurn; ++i) {
    std::optional<transport::Incoming> incoming = ports_.transport.receive();
    if (!incoming) return true;
    was_active_ = true;
    if (const auto* lost = std::get_if<transport::PeerLost>(&*incoming))
      handle(core::event::WorkerFailed{lost->peer, lost->reason});
    else
      take(std::get<transport::Received>(*incoming));
  }
  return false;
}

void MasterLoop::take_deaths(const std::vector<core::WorkerId>& ended) {
  for (const core::WorkerId worker : ended) {
    processes_.forget(worker);
    handle(core::event::WorkerFailed{worker, "its process ended"});
  }
}

void MasterLoop::take(const transport::Received& received) {
  try {
    wire::Message message = wire::decode(received.bytes.view());
    std::visit([&](auto& m) { take(received.from, m); }, message);
  } catch (const wire::DecodeError& e) {
    spdlog::error("worker {}: {}", received.from.value, e.what());
    send(received.from, wire::Drain{true, e.what()});
    handle(core::event::WorkerFailed{received.from, e.what()});
  }
}

void MasterLoop::take(core::WorkerId from, wire::Hello& hello) {
  if (hello.drover_version != options_.drover_version) {
    const std::string mismatch = "worker " + std::to_string(from.value) + " on " + hello.host + " runs drover " +
                                 hello.drover_version + ", the master " + options_.drover_version +
                                 ": install the same version on every host";
    send(from, wire::Drain{true, mismatch});
    handle(core::event::WorkerFailed{from, mismatch});
    if (from < first_late_worker_) fail(mismatch);
    return;
  }
  links_[from].last_sent = now_;
  if (hello.pid_scope == pid_scope_) processes_.watch(from, hello.pid);
  handle(core::event::WorkerAnnounced{from, std::move(hello.host), hello.pid, hello.num_slots});
}

void MasterLoop::take(core::WorkerId from, wire::Report& report) {
  for (const auto& [attempt, stream, bytes] : report.outputs) {
    links_[from].num_bytes_to_ack += bytes.size();
    if (!attempt)
      ports_.results.take_words(from, stream, bytes);
    else if (scheduler_.is_current(*attempt, from))
      ports_.results.take_output(*attempt, scheduler_.tag(attempt->task), stream, bytes);
  }
  show_values(from, report.ended);
  handle(core::event::WorkerReported{from, std::move(report.started), std::move(report.ended),
                                     std::move(report.handed_back), report.num_waiting});
}

/// What a function returns to a client is its output, as lines.
void MasterLoop::show_values(core::WorkerId from, const std::vector<core::AttemptResult>& ended) {
  for (const core::AttemptResult& result : ended) {
    if (result.value.empty() || !scheduler_.is_current(result.attempt, from)) continue;
    const core::TaskId task = result.attempt.task;
    if (!core::is_client(scheduler_.owner(task))) continue;
    const std::string text = result.value.ends_with('\n') ? result.value : result.value + '\n';
    ports_.results.take_output(result.attempt, scheduler_.tag(task), core::Stream::out, text);
  }
}

void MasterLoop::take(core::WorkerId from, wire::Submit& submit) {
  if (ports_.functions == nullptr)
    return handle(core::event::WorkerFailed{from, "submits tasks to a program that has none"});
  handle(ports_.functions->submit(from, submit));
}

void MasterLoop::take(core::WorkerId from, const wire::Withdraw& withdraw) {
  if (ports_.functions != nullptr) handle(ports_.functions->withdraw(from, withdraw));
}

void MasterLoop::take(core::WorkerId from, const wire::Fetch& fetch) {
  if (ports_.functions != nullptr) ports_.functions->send_piece(from, fetch);
}

void MasterLoop::take(core::WorkerId from, const wire::Progress& progress) {
  if (!scheduler_.is_current(progress.attempt, from)) return;
  for (Observer* observer : ports_.observers) observer->on_progress(progress, wall_now());
}

void MasterLoop::take(core::WorkerId from, const wire::Remark& remark) {
  spdlog::warn("worker {}: {}", from.value, remark.text);
  for (Observer* observer : ports_.observers) observer->on_remark(from, remark.text);
}

template <class Unexpected>
void MasterLoop::take(core::WorkerId from, const Unexpected&) {
  handle(core::event::WorkerFailed{from, "sent a message that only a master sends"});
}

void MasterLoop::take_input() {
  is_input_waiting_ = false;
  if (is_held_ || ports_.results.pressure() != ResultSink::Pressure::none) return;
  pull_input(std::min(scheduler_.num_wanted_tasks(), kMostTasksInPull));
}

void MasterLoop::pull_input(std::size_t most) {
  if (is_input_at_end_ || most == 0) return;
  TaskSource::Batch batch;
  try {
    batch = ports_.source.pull(most);
    for (const core::TaskSpec& task : batch.tasks) core::check_size(task);
  } catch (const Error& e) {
    fail(e.what());
    return;
  }
  was_active_ = was_active_ || !batch.tasks.empty() || batch.state == TaskSource::State::more;
  is_input_waiting_ = batch.state == TaskSource::State::would_block;
  if (!batch.tasks.empty()) handle(core::event::TasksSubmitted{core::OwnerId(0), std::move(batch.tasks)});
  is_input_at_end_ = batch.state == TaskSource::State::end;
}

void MasterLoop::end_input() {
  if (!is_input_at_end_ || is_input_ended_ || (options_.keep_open && !ports_.desk.is_closed())) return;
  is_input_ended_ = true;
  handle(core::event::InputEnded{});
}

/// A run that is stopped reads no further. If all that it had taken has ended, one more task, or none, says whether
/// anything is left. Of code that submits tasks, its own end says so.
void MasterLoop::look_for_more_input() {
  if (!failure_.empty() || ports_.functions != nullptr || scheduler_.counts().unfinished() > 0) return;
  pull_input(1);
  end_input();
  commit();
}

void MasterLoop::take_requests() {
  for (const core::Event& event : ports_.desk.take_requests(scheduler_, now_)) handle(event);
}

/// What code says of its tasks beside submitting them.
void MasterLoop::take_calls() {
  if (ports_.functions == nullptr) return;
  for (const core::Event& event : ports_.functions->take_requests(scheduler_)) {
    was_active_ = true;
    handle(event);
  }
}

/// Interrupted once, the run lets finish what executes; a second time, or told to terminate, it does not.
/// SIGUSR1 is the word that its time is nearly up: what executes has until then.
void MasterLoop::take_signals() {
  while (const std::optional<int> signal = ports_.signals.next()) {
    spdlog::info("received signal {}", *signal);
    if (*signal == SIGUSR1) {
      handle(core::event::StopRequested{core::StopReason::time_limit, false, options_.time_end});
      continue;
    }
    if (*signal == SIGTERM && options_.launcher == ports_.signals.sender()) {
      rollover_reason_ = "mpirun has to end the MPI job";
      stop(core::StopReason::rollover, true);
      continue;
    }
    if (*signal == SIGTERM && options_.ends_by_sigterm) {
      stop(core::StopReason::time_limit, true);
      continue;
    }
    if (!signal_) signal_ = signal;
    ++num_interrupts_;
    stop(core::StopReason::requested, *signal != SIGINT || num_interrupts_ > 1);
  }
}

void MasterLoop::judge_pressure() {
  const bool hold = ports_.results.pressure() == ResultSink::Pressure::hold_dispatch || num_unsafe_facts_ > kMostUnsafe;
  if (std::exchange(is_held_, hold) != hold) handle(core::event::HoldChanged{hold});
  if (ports_.results.is_reader_gone()) stop(core::StopReason::requested, true);
}

/// Losing the last worker is not the end, but nobody should wait without knowing it.
void MasterLoop::report_lack_of_workers() {
  const bool lacks = scheduler_.phase() == core::Scheduler::Phase::running && scheduler_.num_workers() == 0 &&
                     !scheduler_.expects_workers();
  if (std::exchange(lacks_workers_, lacks) == lacks || !lacks) return;
  spdlog::warn("no worker is there: waiting up to {} for 'drover scale add'",
               support::format_duration(options_.policy.worker_wait));
}

void MasterLoop::stop(core::StopReason reason, bool kill) {
  handle(core::event::StopRequested{reason, kill, std::nullopt});
}

/// Something is wrong that only affects what is still to come: what executes may finish.
void MasterLoop::fail(const std::string& reason) {
  spdlog::error("{}", reason);
  if (failure_.empty()) failure_ = reason;
  stop(core::StopReason::internal, false);
}

// --- what goes out ----------------------------------------------------------------------------

/// Performs what nobody outside can see at once, and the rest when the journal has made it safe.
void MasterLoop::commit() {
  core::Outbox outbox = std::exchange(outbox_, {});
  was_active_ = was_active_ || !outbox.commands.empty();
  Consequences deliveries;
  std::vector<core::AttemptId> outputs;
  for (core::Command& command : outbox.commands) {
    if (auto* deliver = std::get_if<core::command::Deliver>(&command)) {
      if (deliver->attempt.n > 0) outputs.push_back(deliver->attempt);
      deliveries.push_back(std::move(*deliver));
    }
  }
  if (!outputs.empty()) ports_.results.keep_outputs(outputs);
  if (!outbox.facts.empty()) {
    num_unsafe_facts_ += outbox.facts.size();
    num_unsafe_deliveries_ += deliveries.size();
    unsafe_.push_back(std::move(deliveries));
    ports_.journal.record({std::move(outbox.facts), wall_now()});
  }
  for (core::Command& command : outbox.commands) std::visit([this](auto& c) { perform(c); }, command);
  // Code that waits for results makes the next tasks of them.
  if (ports_.functions != nullptr && num_unsafe_deliveries_ > 0 && scheduler_.has_idle_slots()) ports_.journal.hurry();
  release(ports_.journal.commit(now_));
}

/// These turns are safe: what follows from them may be seen.
void MasterLoop::release(const std::vector<journal::Turn>& turns) {
  const auto end = unsafe_.begin() + static_cast<std::ptrdiff_t>(turns.size());
  const std::vector<Consequences> consequences(std::move_iterator(unsafe_.begin()), std::move_iterator(end));
  unsafe_.erase(unsafe_.begin(), end);
  for (std::size_t i = 0; i < turns.size(); ++i) {
    num_unsafe_facts_ -= turns[i].facts.size();
    num_unsafe_deliveries_ -= consequences[i].size();
    for (Observer* observer : ports_.observers) observer->on_facts(turns[i].facts, turns[i].at);
    for (const core::command::Deliver& delivery : consequences[i]) ports_.results.deliver(delivery);
  }
}

void MasterLoop::perform(const core::command::Welcome& command) {
  send(command.worker, wire::Welcome{command.worker, command.group, command.first_job_slot, options_.profile,
                                     options_.origin, options_.heartbeat, options_.master_lease, options_.output_window,
                                     options_.policy.max_worker_kills > 1 ? kMostAhead : 0});
}

void MasterLoop::perform(core::command::SendTicket& command) {
  send(command.worker, wire::Ticket{std::move(command.assignments)});
}

void MasterLoop::perform(const core::command::Recall& command) {
  send(command.worker, wire::Recall{command.attempts});
}

void MasterLoop::perform(const core::command::Kill& command) {
  send(command.worker, wire::Kill{command.attempts});
}

void MasterLoop::perform(const core::command::Drain& command) {
  send(command.worker, wire::Drain{command.now, ""});
}

void MasterLoop::perform(const core::command::Forget& command) {
  links_.erase(command.worker);
  processes_.forget(command.worker);
  // A worker that was merely frozen is fenced when it speaks again: its address stays known.
}

void MasterLoop::perform(const core::command::Fence& command) {
  send(command.worker, wire::Drain{true, "the master gave this worker up; its results come too late"});
}

void MasterLoop::perform(const core::command::Deliver&) {
  // Waits in unsafe_ for its record.
}

void MasterLoop::perform(const core::command::DiscardOutput& command) {
  ports_.results.discard_output(command.attempt);
}

void MasterLoop::send(core::WorkerId to, const wire::Message& message) {
  if (const auto link = links_.find(to); link != links_.end()) link->second.last_sent = now_;
  ports_.transport.send(to, wire::encode(message));
}

/// In large portions: a worker only needs to hear before its window is full. While outputs are not
/// taken from us, we take none from workers.
void MasterLoop::acknowledge_output() {
  if (ports_.results.pressure() == ResultSink::Pressure::hold_dispatch) return;
  for (auto& [worker, link] : links_)
    if (link.num_bytes_to_ack >= options_.output_window / 4)
      send(worker, wire::OutputAck{std::exchange(link.num_bytes_to_ack, 0)});
}

/// Workers leave a master that says nothing.
void MasterLoop::keep_in_touch() {
  for (auto& [worker, link] : links_) {
    if (now_ - link.last_sent < options_.heartbeat) continue;
    link.last_sent = now_;
    ports_.transport.send_ahead(worker, wire::encode(wire::Ping{}));
  }
}

void MasterLoop::wait() {
  const core::Time now = runtime::now();
  if (was_active_) waiter_.note_activity(now);
  const core::Time deadline = std::min({scheduler_.next_deadline(), now_ + kLongestTurn, now_ + options_.heartbeat,
                                        ports_.journal.next_commit().value_or(core::Time::max()),
                                        ports_.recruiter.next_deadline(now).value_or(core::Time::max())});
  const core::Duration slack = std::min(scheduler_.work_ahead() / kWorkParts, kMostSlack);
  // With work ahead, input that comes now need not be taken at once: better much of it in one turn.
  const bool is_input_urgent = is_input_waiting_ && slack == core::Duration::zero();
  std::vector<int> fds = ports_.recruiter.fds();
  fds.insert(fds.end(),
             {ports_.signals.fd(), processes_.fd(), ports_.desk.fd(), is_input_urgent ? ports_.source.wait_fd() : -1});
  waiter_.wait(fds, now, deadline, ports_.transport.traffic(), slack);
}

/// After a failure that does not allow to go on: nothing can be recorded, so nothing is taken.
void MasterLoop::evacuate() {
  spdlog::error("{}", failure_);
  std::set<core::WorkerId> workers;
  for (const auto& [worker, link] : links_) workers.insert(worker);
  dismiss_workers(ports_.transport, std::move(workers), "the master cannot go on: " + failure_,
                  options_.profile.kill_after + kLeaveGrace);
  // What was in the way of the journal may have gone with them.
  try {
    release(ports_.journal.flush());
  } catch (const Error& e) {
    spdlog::error("not recorded: {}", e.what());
  }
}

}  // namespace drover::runtime
