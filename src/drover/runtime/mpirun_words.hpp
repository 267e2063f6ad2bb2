// What mpirun says when an MPI job ends before its time, in fewer words.
#pragma once

#include <optional>
#include <string>
#include <string_view>

namespace drover::runtime {

/// The host whose daemon mpirun has lost, by what it printed; nullopt when it does not speak of one. The words are
/// those of ORTE (Open MPI 4) and PRRTE (Open MPI 5).
[[nodiscard]] std::optional<std::string> lost_host(std::string_view diagnostics);

}  // namespace drover::runtime
