// A command template with the combinations of its arguments.
#pragma once

#include <cstdint>
#include <exception>
#include <optional>
#include <string>
#include <vector>

#include "drover/cli/input/argument_reader.hpp"
#include "drover/cli/input/command_template.hpp"
#include "drover/cli/input/input_form.hpp"
#include "drover/runtime/task_source.hpp"

namespace drover::cli {

/// What there is beside the first source, which is read as it comes and may be endless.
struct OtherSources {
  /// Sources whose arguments go along with those of the first, record by record.
  std::vector<std::vector<Columns>> linked;
  /// Each of these is combined with the ones before. The last one varies fastest.
  std::vector<std::vector<Columns>> combined;
  /// Linked sources begin again until the longest has ended; else the shortest ends all.
  bool recycles = false;
};

/// Makes one source of two that are linked to each other: row by row, their columns side by side, as far as both go.
[[nodiscard]] std::vector<Columns> link(std::vector<Columns> left, const std::vector<Columns>& right);

/// Empty lines are arguments too.
class TemplateSource final : public runtime::TaskSource {
 public:
  /// The first task has the number after `num_before`. Throws UsageError as CommandTemplate does, or when the words
  /// refer to an argument that no source can have.
  TemplateSource(std::vector<std::string> words, InputForm form, ArgumentReader first, OtherSources others,
                 std::uint64_t num_before);

  Batch pull(std::size_t max) override;
  [[nodiscard]] int wait_fd() const override { return first_.wait_fd(); }

 private:
  void fill(Batch& batch, std::size_t max);
  [[nodiscard]] RecordReader::State read_names();
  void read_template();
  void check_positions() const;
  [[nodiscard]] RecordReader::State next_first();
  [[nodiscard]] bool append_linked(Columns& row) const;
  void take_combination(std::vector<core::TaskSpec>& tasks);
  [[nodiscard]] bool fits(const Columns& arguments) const;
  void finish_task(std::vector<core::TaskSpec>& tasks);
  /// To the next combination of the others; false when all have been.
  bool advance_others();

  std::vector<std::string> words_;
  InputForm form_;
  std::optional<CommandTemplate> command_;  ///< nullopt until the names are known
  std::optional<CommandTemplate> tag_;      ///< of a tagstring
  ArgumentReader first_;
  OtherSources others_;
  bool have_others_arguments_ = false;
  std::vector<Columns> recycled_;       ///< rows of the first source that may be needed again
  std::size_t num_rows_ = 0;            ///< of the first source
  std::vector<std::size_t> positions_;  ///< in each of the combined ones
  std::optional<Columns> current_;      ///< of the first source; nullopt: take the next
  Columns packed_;                      ///< arguments for the next command
  std::size_t num_packed_ = 0;          ///< combinations in them
  std::size_t num_packed_bytes_ = 0;    ///< that the command will have
  std::uint64_t number_;
  std::exception_ptr damage_;  ///< found behind tasks that were given out
};

}  // namespace drover::cli
