// What the inhabitants of a world share.
#pragma once

#include "ledger.hpp"
#include "network.hpp"
#include "plan.hpp"
#include "random.hpp"
#include "reality.hpp"
#include "timeline.hpp"
#include "trace.hpp"

namespace drover::simulation {

struct Stage {
  Stage(const Plan& p, bool is_traced, Ledger* l)
      : plan(p), random(~p.seed), trace(timeline, is_traced), network(p, random, timeline), ledger(l) {}
  Stage(const Stage&) = delete;
  Stage& operator=(const Stage&) = delete;

  [[nodiscard]] core::Time now() const { return timeline.now(); }
  /// How long somebody takes to look at what has arrived.
  [[nodiscard]] core::Duration latency() {
    return plan.longest_latency > core::Duration::zero() ? random.between(core::Duration::zero(), plan.longest_latency)
                                                         : core::Duration::zero();
  }

  const Plan& plan;
  Random random;
  Timeline timeline;
  Trace trace;
  Network network;
  Reality reality;
  Ledger* ledger;  ///< none when nobody wants it
};

}  // namespace drover::simulation
