// The port to what remembers a run.
//
// Facts are recorded in groups: a record costs little, and a commit makes all that were recorded
// before it safe at once. Whatever follows from a fact may be seen by nobody before it is safe, which
// is why a commit gives the turns back that it made safe.
#pragma once

#include <optional>
#include <vector>

#include "drover/core/facts.hpp"

namespace drover::journal {

/// What became true in one turn of the master, and when.
struct Turn {
  std::vector<core::Fact> facts;
  core::WallMicros at = 0;
};

/// Keeps the facts of one run in order. Used by the master's thread only. What "safe" means (against
/// a crash of the process, or loss of power too) is the implementation's to say.
class Journal {
 public:
  virtual ~Journal() = default;

  /// Takes the facts of a turn. A turn is never torn: after a crash all of its facts are there, or none.
  virtual void record(Turn turn) = 0;

  /// Commits if it is time to, and gives back the turns that have become safe, in order. `now` is the
  /// master's clock. Throws Error if it cannot record: the run must then stop dispatching. Nothing is
  /// lost by that: what was recorded still waits, and the next call tries again.
  [[nodiscard]] virtual std::vector<Turn> commit(core::Time now) = 0;

  /// Somebody waits for what was recorded: it is time to commit, if that is what they wait for.
  virtual void hurry() = 0;

  /// Commits at once; afterwards everything is safe and has been given back. Throws as commit() does.
  [[nodiscard]] virtual std::vector<Turn> flush() = 0;

  /// When commit() is wanted at the latest; none while nothing waits for it.
  [[nodiscard]] virtual std::optional<core::Time> next_commit() const = 0;
};

}  // namespace drover::journal
