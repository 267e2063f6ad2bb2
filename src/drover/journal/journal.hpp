// The port to what remembers a run.
#pragma once

#include <span>

#include "drover/core/facts.hpp"

namespace drover::journal {

/// Keeps the facts of one run in order. Used by the master's thread only.
class Journal {
 public:
  virtual ~Journal() = default;

  /// Takes the facts of one turn of the master; `now` is when they became true. How much of what was
  /// recorded a crash can lose is the implementation's to say. Throws Error if it cannot record: the
  /// run must then stop dispatching.
  virtual void record(std::span<const core::Fact> facts, core::WallMicros now) = 0;

  /// Afterwards, a crash of the process loses nothing of what was recorded. The master calls this
  /// before it sleeps. Throws Error as record() does.
  virtual void flush() = 0;
};

}  // namespace drover::journal
