// A command template with every combination of its arguments.
#pragma once

#include <cstdint>
#include <exception>
#include <optional>
#include <regex>
#include <string>
#include <variant>
#include <vector>

#include "drover/cli/input/command_template.hpp"
#include "drover/cli/input/record_reader.hpp"
#include "drover/runtime/task_source.hpp"

namespace drover::cli {

/// The columns of one record; just one without --colsep.
using Columns = std::vector<std::string>;

/// Splits records into columns.
class ColumnSplitter {
 public:
  /// Throws UsageError when the regular expression is none.
  explicit ColumnSplitter(const std::optional<std::string>& colsep);

  [[nodiscard]] Columns split(const std::string& record) const;

 private:
  std::optional<std::regex> separator_;
};

/// The first source is read as it comes and may be endless; the others are kept. The last one varies
/// fastest. Empty lines are arguments too.
class TemplateSource final : public runtime::TaskSource {
 public:
  using First = std::variant<RecordReader, std::vector<std::string>>;

  /// The first task has the number after `num_before`.
  TemplateSource(CommandTemplate command, ColumnSplitter splitter, First first,
                 const std::vector<std::vector<std::string>>& others, std::uint64_t num_before = 0);

  Batch pull(std::size_t max) override;
  [[nodiscard]] int wait_fd() const override;

 private:
  void fill(Batch& batch, std::size_t max);
  [[nodiscard]] RecordReader::State next_first();
  void add_task(std::vector<core::TaskSpec>& tasks);
  /// To the next combination of the others; false when all have been.
  bool advance_others();

  CommandTemplate command_;
  ColumnSplitter splitter_;
  First first_;
  std::size_t next_value_ = 0;  ///< of a first source that is a list
  std::vector<std::vector<Columns>> others_;
  std::vector<std::size_t> positions_;  ///< in each of the others
  std::optional<Columns> current_;      ///< of the first source; none: take the next
  std::uint64_t number_ = 0;
  std::exception_ptr damage_;  ///< found behind tasks that were given out
};

}  // namespace drover::cli
