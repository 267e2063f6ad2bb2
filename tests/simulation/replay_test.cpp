// At every record of a run, what replay makes of the records before is what the master knew.
#include <algorithm>
#include <cstdint>

#include "broken_minds.hpp"
#include "ledger.hpp"
#include "support/catch.hpp"
#include "world.hpp"

using namespace drover;
using namespace drover::simulation;

namespace {

/// Replay from the beginning is quadratic over all records.
constexpr std::size_t kMostPrefixes = 50;

Ledger records_of(const Plan& plan) {
  Ledger ledger;
  Coverage coverage;
  REQUIRE(run_world(plan, sound_mind(), coverage, false, &ledger).is_sound());
  return ledger;
}

core::Scheduler replayed(const Plan& plan, const Ledger& ledger, std::size_t num_facts) {
  core::Scheduler scheduler(plan.policy);
  for (std::size_t i = 0; i < num_facts; ++i) scheduler.apply(ledger.facts[i]);
  return scheduler;
}

/// Pauses before retries end without a record.
core::Counts without_pauses(core::Counts counts) {
  counts.ready += std::exchange(counts.delayed, 0);
  return counts;
}

}  // namespace

TEST_CASE("replay of any prefix of the records gives what the master knew there") {
  std::size_t num_compared = 0;
  for (std::uint64_t seed = 1; seed <= 100; ++seed) {
    const Plan plan = draw_plan(seed);
    if (plan.has(PlannedFault::Kind::crash)) continue;  // another master begins from a snapshot
    CAPTURE(seed);
    const Ledger ledger = records_of(plan);
    const std::size_t stride = ledger.marks.size() / kMostPrefixes + 1;
    for (std::size_t i = 0; i < ledger.marks.size(); i += stride) {
      const Ledger::Mark& mark = ledger.marks[i];
      CAPTURE(mark.num_facts);
      const core::Scheduler scheduler = replayed(plan, ledger, mark.num_facts);
      REQUIRE(scheduler.snapshot() == mark.snapshot);
      REQUIRE(without_pauses(scheduler.counts()) == without_pauses(mark.counts));
      REQUIRE(scheduler.check_invariants().empty());
      ++num_compared;
    }
  }
  CHECK(num_compared > 1000);
}

TEST_CASE("a scheduler that goes on from a snapshot has all of it") {
  for (std::uint64_t seed = 1; seed <= 20; ++seed) {
    const Plan plan = draw_plan(seed);
    CAPTURE(seed);
    for (const Ledger::Mark& mark : records_of(plan).marks) {
      const core::Scheduler scheduler(plan.policy, mark.snapshot);
      REQUIRE(scheduler.snapshot() == mark.snapshot);
      REQUIRE(scheduler.check_invariants().empty());
      REQUIRE(scheduler.counts().ready == mark.counts.unfinished());
    }
  }
}
