// Those who watch a run: progress, summaries, event streams. They change nothing.
#pragma once

#include <span>
#include <string>

#include "drover/core/scheduler.hpp"
#include "drover/wire/messages.hpp"

namespace drover::runtime {

class Observer {
 public:
  virtual ~Observer() = default;

  /// Facts that the journal has made safe; `now` is when they became true.
  virtual void on_facts(std::span<const core::Fact> facts, core::WallMicros now) = 0;

  /// What the function of the current attempt of a task says; no fact, and not kept.
  virtual void on_progress(const wire::Progress& /*progress*/, core::WallMicros /*now*/) {}

  /// What a worker says of its host, or of what it executes; no fact either.
  virtual void on_remark(core::WorkerId /*from*/, const std::string& /*text*/) {}

  /// Called once every turn of the master's loop, and at least a few times a second.
  virtual void on_turn(const core::Scheduler& scheduler, core::Time now) = 0;
};

}  // namespace drover::runtime
