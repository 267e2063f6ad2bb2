// Schedulers with a bug each: the simulation is worth as much as it finds.
#pragma once

#include <string>
#include <vector>

#include "mind.hpp"

namespace drover::simulation {

/// The production scheduler.
[[nodiscard]] MindFactory sound_mind();

/// Names of the broken ones.
[[nodiscard]] std::vector<std::string> broken_minds();

/// A broken mind, or `sound`. Throws std::invalid_argument when there is none of that name.
[[nodiscard]] MindFactory mind_named(const std::string& name);

}  // namespace drover::simulation
