// A run as its journal has it, whether a master works on it or not.
#pragma once

#include <filesystem>
#include <string>

#include "drover/journal/progress.hpp"
#include "drover/journal/run_description.hpp"
#include "drover/journal/run_directory.hpp"
#include "drover/journal/stored_output.hpp"

namespace drover::cli {

/// The run called `name`, a path or a name in ./drover-runs; if it is empty, the one of those here that
/// was begun last, or ./ itself if it is a run's directory. Throws UsageError if there is none.
[[nodiscard]] journal::RunDirectory choose_recorded_run(const std::string& name);

struct RecordedRun {
  journal::RunDescription description;
  journal::Progress progress;
  /// running, finished, stopped (work is left), failed (drover did), cut short (nobody said an end).
  std::string state;
};

/// Throws Error if its journal cannot be read.
[[nodiscard]] RecordedRun read_run(const journal::RunDirectory& run);

/// Where its outputs are.
struct OutputPlace {
  std::filesystem::path directory;
  journal::OutputLayout layout{};
};
[[nodiscard]] OutputPlace output_place(const journal::RunDirectory& run, const journal::RunDescription& description);

}  // namespace drover::cli
