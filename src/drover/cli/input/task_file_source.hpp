// Commands, one a line.
#pragma once

#include <exception>

#include "drover/cli/input/record_reader.hpp"
#include "drover/runtime/task_source.hpp"

namespace drover::cli {

/// Lines are commands; blank ones and those that begin with # are skipped; a backslash at the end of
/// a line joins it with the next, as in a shell; a carriage return at the end is removed. Records that
/// end with NUL are taken as they are, but for empty ones.
class TaskFileSource final : public runtime::TaskSource {
 public:
  TaskFileSource(RecordReader reader, bool null_separated)
      : reader_(std::move(reader)), null_separated_(null_separated) {}

  Batch pull(std::size_t max) override;
  [[nodiscard]] int wait_fd() const override { return reader_.wait_fd(); }

 private:
  void fill(Batch& batch, std::size_t max);
  void take(std::string record, std::vector<core::TaskSpec>& tasks);
  void finish_command(std::vector<core::TaskSpec>& tasks);

  RecordReader reader_;
  bool null_separated_;
  std::string continued_;
  bool is_continued_ = false;
  std::exception_ptr damage_;  ///< found behind tasks that were given out
};

}  // namespace drover::cli
