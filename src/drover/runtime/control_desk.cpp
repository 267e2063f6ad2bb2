#include "drover/runtime/control_desk.hpp"

#include <algorithm>
#include <utility>

#include "drover/control/task_ranges.hpp"
#include "drover/core/outcome.hpp"
#include "drover/journal/event_json.hpp"
#include "drover/support/error.hpp"

namespace drover::runtime {

namespace {

using control::ErrorCode;
namespace reply = control::reply;
namespace request = control::request;

/// Tasks that are taken from clients in a turn, but for the last submission of it.
constexpr std::size_t kMostTasksInTurn = 4096;

control::WayIn way_of(core::GroupSource source) {
  return source == core::GroupSource::join ? control::WayIn::join : control::WayIn::spawn;
}

/// To another MPI job: not when all that there was to do has been done meanwhile.
bool is_moving(const core::Scheduler& scheduler) {
  return scheduler.stop_reason() == core::StopReason::rollover && scheduler.has_work_left();
}

}  // namespace

ControlDesk::ControlDesk(Options options, const StatusBoard& board, Recruiter& recruiter)
    : options_(std::move(options)),
      board_(board),
      recruiter_(recruiter),
      server_(options_.run_dir, options_.about, *this),
      next_owner_(options_.first_owner) {
  if (!options_.host_program.empty()) host_offers_.emplace(options_.host_program, options_.about.drover_version);
}

std::vector<core::Event> ControlDesk::take_requests(const core::Scheduler& scheduler, core::Time now) {
  scheduler_ = &scheduler;
  now_ = now;
  server_.poll(now);
  take_waiting_submissions();
  if (host_offers_) answer(host_offers_->poll(scheduler, now));
  return std::exchange(events_, {});
}

void ControlDesk::on_request(control::RequestRef from, control::Request request) {
  std::visit([&](auto& r) { take(from, r); }, request);
}

/// Its groups come all the same, unless it is what stays with a group that was to join.
void ControlDesk::on_gone(control::ClientId client) {
  if (host_offers_) host_offers_->forget(client);
  std::erase_if(submissions_, [&](const auto& entry) { return entry.second.from.client == client; });
  std::erase_if(leavings_, [&](const Leaving& leaving) { return leaving.from.client == client; });
  std::erase_if(joined_, [&](const auto& entry) { return entry.second.client == client; });
  launched_.erase(client);
  for (const Hiring& hiring : hirings_)
    if (hiring.from.client == client && hiring.is_joiner)
      for (const RecruitId recruit : hiring.on_their_way) recruiter_.withdraw(recruit, now_);
  std::erase_if(hirings_, [&](const Hiring& hiring) { return hiring.from.client == client; });
}

// --- requests ---------------------------------------------------------------------------------

void ControlDesk::take(control::RequestRef from, const request::Status&) {
  server_.reply(from, board_.status(*scheduler_, now_));
}

void ControlDesk::take(control::RequestRef from, request::Submit& request) {
  if (!scheduler_->is_open() || is_closed_)
    return server_.refuse(from, ErrorCode::impossible, "the run takes no more tasks: it is ending");
  const auto is_call = [](const core::TaskSpec& task) { return task.kind == core::TaskKind::function; };
  if (!options_.has_functions && std::any_of(request.tasks.begin(), request.tasks.end(), is_call))
    return server_.refuse(from, ErrorCode::impossible, "this run executes commands: it has no functions");
  if (!waiting_submissions_.add(from, request))
    server_.refuse(from, ErrorCode::impossible,
                   "the queue is full, and so are the places of those who wait to submit: try again later");
}

/// As long as the queue has room: its numbers tell a client that its tasks are taken. One that has gone meanwhile has
/// still submitted.
void ControlDesk::take_waiting_submissions() {
  if (!scheduler_->is_open())
    while (const auto submission = waiting_submissions_.take_any())
      server_.refuse(submission->from, ErrorCode::impossible, "the run takes no more tasks: it is ending");
  for (std::size_t num_tasks = 0; num_tasks < kMostTasksInTurn;) {
    core::QueueShare room = scheduler_->queue_room();
    room.num_tasks -= std::min<std::uint64_t>(room.num_tasks, num_tasks);
    auto submission = waiting_submissions_.take(room, next_owner_);
    if (!submission) return;
    auto& [from, request] = *submission;
    num_tasks += request.tasks.size();
    const core::OwnerId owner = next_owner_;
    next_owner_ = core::OwnerId(owner.value + 1);
    submissions_[owner] = {from, request.tasks.size(), request.wait, {}, 0, 0, 0};
    events_.emplace_back(core::event::TasksSubmitted{owner, std::move(request.tasks)});
  }
}

void ControlDesk::take(control::RequestRef from, const request::Close&) {
  is_closed_ = true;
  server_.reply(from, reply::Closed{scheduler_->counts().unfinished()});
}

void ControlDesk::take(control::RequestRef from, const request::ScaleAdd& request) {
  if (!scheduler_->is_open()) return server_.refuse(from, ErrorCode::impossible, "the run is ending");
  for (const control::HostSlots& host : request.hosts)
    if (scheduler_->is_quarantined(host.host))
      return server_.refuse(from, ErrorCode::impossible,
                            "host " + host.host + " is quarantined: it lost too many workers in this run");
  try {
    const std::vector<RecruitId> recruits = recruiter_.ask(request, now_);
    hirings_.push_back({from, false, {recruits.begin(), recruits.end()}, {}, {}, "", false});
  } catch (const Error& e) {
    server_.refuse(from, ErrorCode::impossible, e.what());
  }
}

void ControlDesk::take(control::RequestRef from, const request::JoinAnnounce& request) {
  if (host_offers_ && is_moving(*scheduler_))
    return server_.reply(from, reply::JoinEnded{reply::JoinEnded::How::wanted_again});
  if (!scheduler_->is_open() && scheduler_->has_work_left())
    return server_.reply(from, reply::JoinEnded{reply::JoinEnded::How::work_left});
  if (!scheduler_->is_open()) return server_.refuse(from, ErrorCode::run_over, "the run is ending");
  if (scheduler_->is_quarantined(request.host))
    return server_.refuse(from, ErrorCode::impossible,
                          "host " + request.host + " is quarantined: it lost too many workers in this run");
  if (request.drover_version != options_.about.drover_version)
    return server_.refuse(from, ErrorCode::impossible,
                          "the group runs drover " + request.drover_version + ", the master " +
                              options_.about.drover_version + ": install the same version on every host");
  if (host_offers_) return host_offers_->add(from, {request.host, request.population});
  try {
    const auto launched = launched_.find(from.client);
    const RecruitId recruit =
        recruiter_.announce({request.host, request.drover_version, request.population, request.slots_per_worker},
                            launched != launched_.end() ? std::optional(launched->second) : std::nullopt, now_);
    hirings_.push_back({from, true, {recruit}, {}, {}, "", false});
  } catch (const UsageError& e) {
    server_.refuse(from, ErrorCode::impossible, e.what());
  } catch (const Error& e) {
    server_.refuse(from, ErrorCode::failed, e.what());
  }
}

std::vector<core::WorkerId> ControlDesk::members(
    const std::variant<core::GroupId, core::WorkerId, control::HostName>& target) const {
  const auto is_meant = [&](const core::WorkerView& view) {
    if (const auto* group = std::get_if<core::GroupId>(&target)) return view.group == *group;
    if (const auto* worker = std::get_if<core::WorkerId>(&target)) return view.worker == *worker;
    return view.host == std::get<control::HostName>(target).name;
  };
  std::vector<core::WorkerId> workers;
  for (const core::WorkerView& view : scheduler_->workers())
    if (is_meant(view)) workers.push_back(view.worker);
  return workers;
}

void ControlDesk::take(control::RequestRef from, const request::Drain& request) {
  std::vector<core::WorkerId> workers = members(request.target);
  if (workers.empty()) return server_.refuse(from, ErrorCode::unknown_target, "no worker there: see 'drover status'");
  // With its own process a host leaves the MPI job: that ends all of it, when it is not left behind before.
  if (host_offers_ && host_offers_->leave(from.client, request.now))
    return server_.reply(from, reply::Draining{std::move(workers)});
  if (request.wait) {
    server_.stream(from, reply::Draining{workers});
    leavings_.push_back({from, {workers.begin(), workers.end()}, {}});
  } else {
    server_.reply(from, reply::Draining{workers});
  }
  events_.emplace_back(core::event::DrainRequested{std::move(workers), request.now});
}

void ControlDesk::take(control::RequestRef from, const request::Cancel& request) {
  reply::Cancelled counts;
  std::vector<core::TaskId> tasks;
  const std::uint64_t num_accepted = scheduler_->counts().accepted;
  for (const control::TaskRange& range : control::disjoint(request.tasks)) {
    const std::uint64_t last = std::min(range.last.value, num_accepted);
    counts.num_unknown += range.last.value - std::max(last, range.first.value - 1);
    for (std::uint64_t id = range.first.value; id <= last; ++id) {
      if (scheduler_->is_unfinished(core::TaskId(id)))
        tasks.emplace_back(id);
      else
        ++counts.num_ended_before;
    }
  }
  counts.num_cancelled = tasks.size();
  events_.emplace_back(core::event::CancelRequested{std::move(tasks)});
  server_.reply(from, counts);
}

void ControlDesk::take(control::RequestRef from, const request::Stop& request) {
  const core::Counts counts = scheduler_->counts();
  events_.emplace_back(core::event::StopRequested{core::StopReason::requested, request.now, std::nullopt});
  server_.reply(from, reply::Stopping{counts.executing, counts.unfinished()});
}

void ControlDesk::take(control::RequestRef from, const request::Explain& request) {
  const std::string text = std::holds_alternative<core::TaskId>(request.subject)
                               ? board_.explain(std::get<core::TaskId>(request.subject), *scheduler_, now_)
                               : board_.explain(std::get<control::HostName>(request.subject).name, *scheduler_);
  server_.reply(from, reply::Explanation{text});
}

// --- groups -----------------------------------------------------------------------------------

void ControlDesk::answer(const std::vector<OfferReply>& replies) {
  for (const OfferReply& to : replies) {
    if (to.is_last)
      server_.reply(to.to, to.reply);
    else
      server_.stream(to.to, to.reply);
  }
}

void ControlDesk::close() {
  const reply::JoinEnded::How how = scheduler_ != nullptr ? how_the_run_ends() : reply::JoinEnded::How::left;
  if (how != reply::JoinEnded::How::left) {
    for (const auto& [group, joiner] : joined_) server_.reply(joiner, reply::JoinEnded{how});
    if (host_offers_) answer(host_offers_->close(how));
  }
  server_.close(kCloseGrace);
}

void ControlDesk::on_note(RecruitId recruit, const std::string& text) {
  for (const Hiring& hiring : hirings_)
    if (hiring.on_their_way.contains(recruit)) server_.stream(hiring.from, reply::Note{text});
}

void ControlDesk::on_failed(RecruitId recruit, const std::string& reason) {
  for (Hiring& hiring : hirings_) {
    if (hiring.on_their_way.erase(recruit) == 0) continue;
    hiring.failures += (hiring.failures.empty() ? "" : "; ") + reason;
    settle(hiring);
  }
}

void ControlDesk::on_launched(RecruitId recruit, support::UniqueFd channel) {
  launched_[server_.adopt(std::move(channel))] = recruit;
}

/// A group may be both: asked for by one client and announced by its own launcher, another.
void ControlDesk::on_accepting(RecruitId recruit, const std::string& port) {
  for (const Hiring& hiring : hirings_)
    if (hiring.is_joiner && hiring.on_their_way.contains(recruit))
      server_.stream(hiring.from, reply::JoinAccepted{port, core::GroupId(0)});
}

void ControlDesk::on_arrived(RecruitId recruit, core::GroupId group) {
  for (Hiring& hiring : hirings_)
    if (hiring.on_their_way.erase(recruit) > 0) hiring.to_announce[group] = {};
}

void ControlDesk::on(const core::fact::GroupFormed& fact) {
  for (Hiring& hiring : hirings_) {
    const auto found = hiring.to_announce.find(fact.group);
    if (found == hiring.to_announce.end()) continue;
    for (std::uint32_t i = 0; i < fact.population; ++i) found->second.emplace(fact.first_worker.value + i);
    hiring.added.push_back({fact.group, way_of(fact.source), 0, {}});
  }
}

void ControlDesk::on(const core::fact::WorkerJoined& fact) {
  hosts_[fact.worker] = fact.host;
  for (Hiring& hiring : hirings_) {
    const auto found = hiring.to_announce.find(fact.group);
    if (found == hiring.to_announce.end()) continue;
    for (reply::ScaleAdded& added : hiring.added) {
      if (added.group != fact.group) continue;
      ++added.num_workers;
      const auto host = std::find_if(added.hosts.begin(), added.hosts.end(),
                                     [&](const control::HostSlots& known) { return known.host == fact.host; });
      if (host == added.hosts.end())
        added.hosts.push_back({fact.host, fact.num_slots});
      else
        host->num_slots += fact.num_slots;
    }
    if (found->second.erase(fact.worker) > 0 && found->second.empty()) {
      hiring.to_announce.erase(found);
      settle(hiring);
    }
  }
}

/// A member that is lost before it was there is not waited for.
void ControlDesk::forget_announcement(core::WorkerId worker, const std::string& reason) {
  for (Hiring& hiring : hirings_) {
    for (auto it = hiring.to_announce.begin(); it != hiring.to_announce.end(); ++it) {
      if (it->second.erase(worker) == 0) continue;
      hiring.failures += (hiring.failures.empty() ? "" : "; ") + ("a worker was lost: " + reason);
      if (it->second.empty()) hiring.to_announce.erase(it);
      settle(hiring);
      break;
    }
  }
}

/// Answers once nothing more is to come: with the groups that work, or with why none does.
void ControlDesk::settle(Hiring& hiring) {
  if (!hiring.on_their_way.empty() || !hiring.to_announce.empty()) return;
  const bool is_any_there = std::any_of(hiring.added.begin(), hiring.added.end(),
                                        [](const reply::ScaleAdded& added) { return added.num_workers > 0; });
  if (!is_any_there) {
    server_.refuse(hiring.from, ErrorCode::failed, hiring.failures);
  } else {
    if (!hiring.failures.empty()) server_.stream(hiring.from, reply::Note{hiring.failures});
    for (std::size_t i = 0; i + 1 < hiring.added.size(); ++i) server_.stream(hiring.from, hiring.added[i]);
    if (hiring.is_joiner) {
      server_.stream(hiring.from, hiring.added.back());
      joined_.insert_or_assign(hiring.added.back().group, hiring.from);
    } else {
      server_.reply(hiring.from, hiring.added.back());
    }
  }
  hiring.is_answered = true;
}

// --- facts ------------------------------------------------------------------------------------

void ControlDesk::on_facts(std::span<const core::Fact> facts, core::WallMicros now) {
  for (const core::Fact& fact : facts) std::visit([this](const auto& f) { on(f); }, fact);
  std::erase_if(hirings_, [](const Hiring& hiring) { return hiring.is_answered; });
  if (!server_.has_subscribers()) return;
  for (const core::Fact& fact : facts) {
    std::string line;
    journal::append_event(line, fact, now);
    line.pop_back();
    server_.publish(line);
  }
}

void ControlDesk::on_progress(const wire::Progress& progress, core::WallMicros now) {
  if (!server_.has_subscribers()) return;
  std::string line;
  journal::append_task_progress(line, progress.attempt, progress.fraction, progress.text, now);
  line.pop_back();
  server_.publish(line);
}

void ControlDesk::on_turn(const core::Scheduler&, core::Time) {
  std::erase_if(hirings_, [](const Hiring& hiring) { return hiring.is_answered; });
}

void ControlDesk::on(const core::fact::TaskAccepted& fact) {
  const auto found = submissions_.find(fact.owner);
  if (found == submissions_.end()) return;
  Submission& submission = found->second;
  if (submission.num_accepted++ == 0) submission.first = fact.task;
  if (submission.num_accepted < submission.num_tasks) return;
  reply::Submitted submitted{submission.first, fact.task, options_.output_dir,
                             options_.output_layout == journal::OutputLayout::per_task};
  if (submission.waits) {
    server_.stream(submission.from, std::move(submitted));
  } else {
    server_.reply(submission.from, std::move(submitted));
    submissions_.erase(found);
  }
}

void ControlDesk::on(const core::fact::AttemptEnded& fact) {
  for (const auto& [owner, submission] : submissions_) {
    const core::TaskId task = fact.result.attempt.task;
    if (submission.num_accepted == 0 || task < submission.first) continue;
    if (task.value >= submission.first.value + submission.num_tasks) continue;
    results_.insert_or_assign(task, fact);
    return;
  }
}

/// Those that end without an attempt of their own are not delivered with a result.
void ControlDesk::on(const core::fact::TaskEnded& fact) {
  waiting_submissions_.on_task_ended(fact.owner);
  if (!submissions_.contains(fact.owner)) results_.erase(fact.task);
}

void ControlDesk::deliver(const core::command::Deliver& delivery, const journal::StoredOutput& output) {
  const auto found = submissions_.find(delivery.owner);
  if (found == submissions_.end()) return;
  Submission& submission = found->second;
  reply::TaskResult result;
  result.task = delivery.task;
  result.how = delivery.how;
  result.tag = delivery.tag;
  result.attempt = delivery.attempt.n;
  result.out = {output.out.offset, output.out.length};
  result.err = {output.err.offset, output.err.length};
  if (const auto ended = results_.extract(delivery.task); ended && delivery.attempt.n > 0) {
    const core::AttemptResult& attempt = ended.mapped().result;
    result.outcome = core::describe(attempt.outcome);
    result.exit_value = core::exit_value(attempt.outcome);
    result.signal = core::signal_value(attempt.outcome);
    result.runtime = attempt.runtime;
    if (const auto host = hosts_.find(ended.mapped().worker); host != hosts_.end()) result.host = host->second;
  }
  ++(delivery.how == core::TaskEnd::succeeded ? submission.num_succeeded : submission.num_unsuccessful);
  server_.stream(submission.from, std::move(result));
  if (submission.num_succeeded + submission.num_unsuccessful < submission.num_tasks) return;
  server_.reply(submission.from, reply::SubmitEnd{submission.num_succeeded, submission.num_unsuccessful});
  submissions_.erase(found);
}

void ControlDesk::on(const core::fact::WorkerEnded& fact) {
  hosts_.erase(fact.worker);
  forget_announcement(fact.worker, fact.reason);
  for (Leaving& leaving : leavings_) {
    if (leaving.workers.erase(fact.worker) == 0) continue;
    ++(fact.how == core::WorkerEnd::drained ? leaving.drained.num_left : leaving.drained.num_lost);
    if (leaving.workers.empty()) server_.reply(leaving.from, leaving.drained);
  }
  std::erase_if(leavings_, [](const Leaving& leaving) { return leaving.workers.empty(); });
}

/// For groups that are there when it does: left, unless another master is to have them.
reply::JoinEnded::How ControlDesk::how_the_run_ends() const {
  if (is_moving(*scheduler_)) return reply::JoinEnded::How::wanted_again;
  return scheduler_->stop_reason() && scheduler_->has_work_left() ? reply::JoinEnded::How::work_left
                                                                  : reply::JoinEnded::How::left;
}

/// A group that was given up may be alive, and can come again.
void ControlDesk::on(const core::fact::GroupEnded& fact) {
  const auto joined = joined_.extract(fact.group);
  const bool is_given_up = fact.how == core::GroupEnd::lost && scheduler_->is_open();
  if (joined)
    server_.reply(joined.mapped(),
                  reply::JoinEnded{is_given_up ? reply::JoinEnded::How::wanted_again : how_the_run_ends()});
}

}  // namespace drover::runtime
