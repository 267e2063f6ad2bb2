// Which cores a worker's tasks may use.
//
// mpirun binds each rank to a core or two unless it is told not to, and what a rank starts inherits that: right for a
// rank that computes, wrong for one that starts commands. What limits the launcher itself is the user's (taskset) or
// the allocation's (a cpuset, which the kernel enforces in any case), and stays.
#pragma once

#include <cstdint>
#include <set>
#include <string>

namespace drover::exec {

using Cores = std::set<unsigned>;

/// What a process may use that was `bound` when it began, by a launcher that may use `launchers` itself.
/// `is_chosen`: the user asked for just this binding.
[[nodiscard]] Cores cores_of_tasks(const Cores& bound, const Cores& launchers, bool is_chosen);

/// Gives this process back the cores that mpirun took from it. Before threads are started.
void unbind_from_launcher();

/// For people: that `num_slots` commands at once have fewer cores than that although the host has more; empty when all
/// is well.
[[nodiscard]] std::string lack_of_cores(std::uint32_t num_slots);
/// The same, of a host with so many cores of which this process may use so many.
[[nodiscard]] std::string lack_of_cores(std::uint32_t num_slots, std::size_t num_usable, std::size_t num_of_host);

}  // namespace drover::exec
