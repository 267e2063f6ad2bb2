// What a task of a world does is written in its payload, for the worker that executes it.
#pragma once

#include <string>

#include "drover/core/task.hpp"
#include "plan.hpp"

namespace drover::simulation {

[[nodiscard]] inline core::TaskSpec make_spec(const PlannedTask& task, std::uint64_t number) {
  std::string payload(1, static_cast<char>('a' + static_cast<int>(task.behaviour)));
  payload += std::to_string(number);
  if (payload.size() < task.payload_bytes) payload.resize(task.payload_bytes, '.');
  return {core::TaskKind::command, std::move(payload), {}, {}};
}

[[nodiscard]] inline Behaviour behaviour_of(const core::TaskSpec& spec) {
  return static_cast<Behaviour>(spec.payload.front() - 'a');
}

}  // namespace drover::simulation
