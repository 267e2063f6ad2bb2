// A worker rank, from its start to its end.
#pragma once

#include <cstdint>
#include <optional>

#include "drover/cli/program.hpp"

namespace drover::cli {

/// `program` is the one that has functions; null: none. The rank came with the world, was spawned by the master, or
/// joins: its environment says. Returns the exit status; does not return when the master is gone, as MPI cannot be
/// finalized then.
[[nodiscard]] int run_worker_rank(std::uint32_t num_slots, const Program* program = nullptr,
                                  std::optional<exec::Isolation> isolation = {});

}  // namespace drover::cli
