// What the simulation itself is worth: each broken scheduler is caught, a seed reproduces, and the
// seeds that found something stay.
#include <cstdint>
#include <string>
#include <vector>

#include "broken_minds.hpp"
#include "support/catch.hpp"
#include "world.hpp"

using namespace drover::simulation;

namespace {

constexpr std::uint64_t kMostSeeds = 500;

Verdict run_seed(std::uint64_t seed, const MindFactory& mind, bool is_traced = false) {
  Coverage coverage;
  return run_world(draw_plan(seed), mind, coverage, is_traced);
}

/// The first seed whose world is not sound with this scheduler; 0 when there is none.
std::uint64_t first_caught(const MindFactory& mind) {
  for (std::uint64_t seed = 1; seed <= kMostSeeds; ++seed)
    if (!run_seed(seed, mind).is_sound()) return seed;
  return 0;
}

}  // namespace

TEST_CASE("every broken scheduler is caught") {
  REQUIRE(broken_minds().size() >= 5);
  for (const std::string& name : broken_minds()) {
    CAPTURE(name);
    CHECK(first_caught(mind_named(name)) != 0);
  }
}

TEST_CASE("seeds that found something stay") {
  struct Found {
    std::uint64_t seed = 0;
    std::string what;
  };
  const std::vector<Found> all{
      {5000065391, "a group was idle from before a member that came and was lost between two ticks"},
      {5000135667, "the same, with the loss that quarantined its host"},
      {5000234317, "a group was idle although a lost member had just had an attempt"},
      {5000181884, "the checker took a worker that had died of a long attempt for a run that hangs"},
      {5000286483, "the checker did not wait for word of a long attempt that had just ended"},
  };
  for (const Found& found : all) {
    CAPTURE(found.seed, found.what);
    CHECK(run_seed(found.seed, sound_mind()).violation == "");
  }
}

TEST_CASE("a seed reproduces its world, traced or not") {
  for (std::uint64_t seed = 1; seed <= 5; ++seed) {
    const Verdict first = run_seed(seed, sound_mind(), true);
    const Verdict second = run_seed(seed, sound_mind(), true);
    CHECK(first.trace == second.trace);
    CHECK(!first.trace.empty());
    CHECK(run_seed(seed, sound_mind()).num_steps == first.num_steps);
  }
}
