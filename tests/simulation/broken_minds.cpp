#include "broken_minds.hpp"

#include <algorithm>
#include <map>
#include <set>
#include <stdexcept>
#include <utility>

namespace drover::simulation {

namespace {

namespace command = core::command;
namespace event = core::event;
namespace fact = core::fact;

template <class Wanted>
Wanted* as(core::Fact& fact) {
  return std::get_if<Wanted>(&fact);
}
template <class Wanted>
Wanted* as(core::Command& command) {
  return std::get_if<Wanted>(&command);
}

/// Takes assignments that `is_dropped` out of all tickets.
template <class Predicate>
void drop_assignments(core::Outbox& outbox, const Predicate& is_dropped) {
  for (core::Command& command : outbox.commands)
    if (auto* ticket = as<command::SendTicket>(command))
      std::erase_if(ticket->assignments, [&](const core::Assignment& a) { return is_dropped(a.attempt.task); });
  std::erase_if(outbox.commands, [](core::Command& command) {
    const auto* ticket = as<command::SendTicket>(command);
    return ticket != nullptr && ticket->assignments.empty();
  });
}

/// The facts and commands of a sound scheduler, distorted: only the history can tell.
class BrokenMind : public Mind {
 public:
  using Mind::Mind;
  [[nodiscard]] bool is_true_to_itself() const override { return false; }
};

/// What a lost worker had is never given to another.
class LosesAttempts final : public BrokenMind {
 public:
  using BrokenMind::BrokenMind;
  core::Outbox handle(const core::Event& event, core::Time now) override {
    core::Outbox outbox = Mind::handle(event, now);
    const auto is_of_lost = [this](core::TaskId task) { return lost_.contains(task); };
    std::erase_if(outbox.facts, [&](core::Fact& f) {
      const auto* dispatched = as<fact::AttemptDispatched>(f);
      if (const auto* lost = as<fact::AttemptLost>(f)) lost_.insert(lost->attempt.task);
      return dispatched != nullptr && is_of_lost(dispatched->attempt.task);
    });
    drop_assignments(outbox, is_of_lost);
    return outbox;
  }

 private:
  std::set<core::TaskId> lost_;
};

/// A result is a result, whoever has the task now.
class RecordsSuperseded final : public BrokenMind {
 public:
  using BrokenMind::BrokenMind;
  core::Outbox handle(const core::Event& event, core::Time now) override {
    core::Outbox outbox = Mind::handle(event, now);
    const auto* report = std::get_if<event::WorkerReported>(&event);
    if (report == nullptr) return outbox;
    for (core::Fact& f : outbox.facts)
      if (const auto* superseded = as<fact::AttemptSuperseded>(f))
        for (const core::AttemptResult& result : report->ended)
          if (result.attempt == superseded->attempt) {
            f = fact::AttemptEnded{result, report->worker};
            break;
          }
    return outbox;
  }
};

core::Policy never_quarantining(core::Policy policy) {
  policy.max_worker_kills = UINT32_MAX;
  return policy;
}

/// The death of a worker costs the tasks that it executed nothing.
class ForgetsToCharge final : public BrokenMind {
 public:
  ForgetsToCharge(const core::Policy& policy, const core::Snapshot& start)
      : BrokenMind(never_quarantining(policy), start) {}
  core::Outbox handle(const core::Event& event, core::Time now) override {
    core::Outbox outbox = Mind::handle(event, now);
    for (core::Fact& f : outbox.facts)
      if (auto* lost = as<fact::AttemptLost>(f)) lost->charged = false;
    return outbox;
  }
};

/// Charges what was merely held, too.
class ChargesAll final : public BrokenMind {
 public:
  ChargesAll(const core::Policy& policy, const core::Snapshot& start) : BrokenMind(never_quarantining(policy), start) {}
  core::Outbox handle(const core::Event& event, core::Time now) override {
    core::Outbox outbox = Mind::handle(event, now);
    for (core::Fact& f : outbox.facts)
      if (auto* lost = as<fact::AttemptLost>(f)) lost->charged = true;
    return outbox;
  }
};

/// Sends the first attempt of a ticket again, to the worker that the ticket before went to.
class DispatchesTwice final : public BrokenMind {
 public:
  using BrokenMind::BrokenMind;
  core::Outbox handle(const core::Event& event, core::Time now) override {
    core::Outbox outbox = Mind::handle(event, now);
    for (core::Command& c : outbox.commands) {
      auto* ticket = as<command::SendTicket>(c);
      if (ticket == nullptr) continue;
      if (last_ && last_->first != ticket->worker) ticket->assignments.push_back(last_->second);
      last_.emplace(ticket->worker, ticket->assignments.front());
    }
    return outbox;
  }

 private:
  std::optional<std::pair<core::WorkerId, core::Assignment>> last_;
};

core::Policy without_lease(core::Policy policy) {
  policy.lease *= 10'000;
  return policy;
}

/// Trusts a silent worker for ever.
class IgnoresLease final : public BrokenMind {
 public:
  IgnoresLease(const core::Policy& policy, const core::Snapshot& start) : BrokenMind(without_lease(policy), start) {}
};

/// Judges leases as if a pause of its own were silence of the workers.
class BlamesWorkersForItsPauses final : public BrokenMind {
 public:
  BlamesWorkersForItsPauses(const core::Policy& policy, const core::Snapshot& start)
      : BrokenMind(policy, start), step_(policy.lease / 4) {}
  core::Outbox handle(const core::Event& event, core::Time now) override {
    core::Outbox all;
    while (last_ + step_ < now && std::holds_alternative<event::Ticked>(event)) append(all, event, last_ + step_);
    append(all, event, now);
    return all;
  }

 private:
  void append(core::Outbox& all, const core::Event& event, core::Time now) {
    last_ = std::max(last_, now);
    core::Outbox outbox = Mind::handle(event, last_);
    std::move(outbox.facts.begin(), outbox.facts.end(), std::back_inserter(all.facts));
    std::move(outbox.commands.begin(), outbox.commands.end(), std::back_inserter(all.commands));
  }

  core::Duration step_;
  core::Time last_{};
};

/// A task whose attempt failed waits for ever before the next.
class NeverReleasesDelayed final : public BrokenMind {
 public:
  using BrokenMind::BrokenMind;
  core::Outbox handle(const core::Event& event, core::Time now) override {
    core::Outbox outbox = Mind::handle(event, now);
    std::erase_if(outbox.facts, [this](core::Fact& f) {
      if (const auto* delayed = as<fact::TaskDelayed>(f)) delayed_.insert(delayed->task);
      const auto* dispatched = as<fact::AttemptDispatched>(f);
      return dispatched != nullptr && delayed_.contains(dispatched->attempt.task);
    });
    drop_assignments(outbox, [this](core::TaskId task) { return delayed_.contains(task); });
    return outbox;
  }

 private:
  std::set<core::TaskId> delayed_;
};

/// Stops without taking back what has not begun.
class NeverRecalls final : public BrokenMind {
 public:
  using BrokenMind::BrokenMind;
  core::Outbox handle(const core::Event& event, core::Time now) override {
    core::Outbox outbox = Mind::handle(event, now);
    std::erase_if(outbox.commands, [](core::Command& c) { return as<command::Recall>(c) != nullptr; });
    return outbox;
  }
};

/// Lets a worker that was given up go on.
class NeverFences final : public BrokenMind {
 public:
  using BrokenMind::BrokenMind;
  core::Outbox handle(const core::Event& event, core::Time now) override {
    core::Outbox outbox = Mind::handle(event, now);
    std::erase_if(outbox.commands, [](core::Command& c) { return as<command::Fence>(c) != nullptr; });
    return outbox;
  }
};

/// Does not hear that a worker left or failed.
class OverlooksEnds final : public BrokenMind {
 public:
  using BrokenMind::BrokenMind;
  core::Outbox handle(const core::Event& event, core::Time now) override {
    if (std::holds_alternative<event::WorkerFailed>(event)) return {};
    return Mind::handle(event, now);
  }
};

/// Hands the highest number out first.
class ForgetsOrder final : public BrokenMind {
 public:
  using BrokenMind::BrokenMind;
  core::Outbox handle(const core::Event& event, core::Time now) override {
    core::Outbox outbox = Mind::handle(event, now);
    std::vector<core::Fact*> dispatched;
    for (core::Fact& f : outbox.facts)
      if (as<fact::AttemptDispatched>(f) != nullptr) dispatched.push_back(&f);
    if (dispatched.size() > 1) std::swap(*dispatched.front(), *dispatched.back());
    return outbox;
  }
};

template <class Broken>
MindFactory maker() {
  return
      [](const core::Policy& policy, const core::Snapshot& start) { return std::make_unique<Broken>(policy, start); };
}

std::map<std::string, MindFactory> minds() {
  return {{"loses attempts", maker<LosesAttempts>()},
          {"records superseded results", maker<RecordsSuperseded>()},
          {"forgets to charge", maker<ForgetsToCharge>()},
          {"charges all that was held", maker<ChargesAll>()},
          {"dispatches twice", maker<DispatchesTwice>()},
          {"ignores the lease", maker<IgnoresLease>()},
          {"blames workers for its pauses", maker<BlamesWorkersForItsPauses>()},
          {"never releases delayed tasks", maker<NeverReleasesDelayed>()},
          {"never recalls", maker<NeverRecalls>()},
          {"never fences", maker<NeverFences>()},
          {"overlooks what the transport says", maker<OverlooksEnds>()},
          {"forgets the order", maker<ForgetsOrder>()}};
}

}  // namespace

MindFactory sound_mind() {
  return maker<Mind>();
}

std::vector<std::string> broken_minds() {
  std::vector<std::string> names;
  for (const auto& [name, make] : minds()) names.push_back(name);
  return names;
}

MindFactory mind_named(const std::string& name) {
  if (name == "sound") return sound_mind();
  const auto all = minds();
  const auto found = all.find(name);
  if (found == all.end()) throw std::invalid_argument("no mind " + name);
  return found->second;
}

}  // namespace drover::simulation
