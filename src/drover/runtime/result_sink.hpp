// Where outputs and results of tasks go.
#pragma once

#include <span>
#include <string_view>

#include "drover/core/events.hpp"
#include "drover/core/stream.hpp"

namespace drover::runtime {

/// Used by the master's only thread; nothing here blocks for long. Methods throw drover::Error when
/// what they are given cannot be kept: the run then stops.
class ResultSink {
 public:
  virtual ~ResultSink() = default;

  /// A piece of output of an attempt that is executing; `tag` is how people know its task.
  virtual void take_output(core::AttemptId attempt, std::string_view tag, core::Stream stream,
                           std::span<const char> bytes) = 0;

  /// What functions of a worker have printed, and nobody knows which: lines, as a rule whole ones.
  virtual void take_words(core::WorkerId worker, core::Stream stream, std::span<const char> bytes) = 0;

  /// The attempts whose output is their task's: made safe before the end of the task is recorded.
  virtual void keep_outputs(std::span<const core::AttemptId> attempts) = 0;

  /// The task has its record, and the output of its attempt was kept: hand both to whom they belong.
  virtual void deliver(const core::command::Deliver& delivery) = 0;

  /// What this attempt wrote is not to be seen.
  virtual void discard_output(core::AttemptId attempt) = 0;

  enum class Pressure {
    none,
    hold_input,     ///< no further tasks, but those that are there must go on
    hold_dispatch,  ///< nothing that makes output
  };
  /// Who reads the outputs cannot keep up.
  [[nodiscard]] virtual Pressure pressure() const = 0;

  /// The one who reads outputs has gone: there is no point in going on.
  [[nodiscard]] virtual bool is_reader_gone() const = 0;
};

}  // namespace drover::runtime
