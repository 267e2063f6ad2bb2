// Whether the outputs that are on record are in the store.
//
// A crash leaves all of them there (see output_store.hpp). Whoever deletes, cuts or edits a file, or a power failure
// where nothing was synced, may not; then the journal knows what should be there.
#pragma once

#include <filesystem>
#include <string>
#include <vector>

#include "drover/core/ids.hpp"
#include "drover/journal/output_records.hpp"
#include "drover/journal/stored_output.hpp"
#include "drover/support/error.hpp"

namespace drover::journal {

struct LostOutputs {
  std::vector<core::AttemptId> attempts;  ///< by task
  std::string reason;                     ///< the first thing that is wrong: "stdout has 10 of 30 bytes"

  [[nodiscard]] bool is_empty() const { return attempts.empty(); }
};

/// Looks at all of the index and at the lengths of the files; changes nothing. Memory: 8 bytes a task. Throws Error if
/// it cannot read.
[[nodiscard]] LostOutputs find_lost_outputs(const std::filesystem::path& directory, OutputLayout layout,
                                            const OutputRecords& records);

/// Says which are lost and why, and what can be done.
[[nodiscard]] Error lost_outputs_error(const std::filesystem::path& directory, const LostOutputs& lost);

/// "the outputs of tasks 1-3 and 7", "the output of task 2".
[[nodiscard]] std::string describe(const LostOutputs& lost);

/// The index says from now on that these outputs are not there: with no bytes. As it was, it stays beside it as
/// `index.tsv.damaged-N`, and nothing of the other files is dropped. Throws Error.
void give_up_outputs(const std::filesystem::path& directory, OutputLayout layout, const LostOutputs& lost);

}  // namespace drover::journal
