// One source of arguments, record by record.
#pragma once

#include <cstddef>
#include <memory>
#include <optional>
#include <string>
#include <variant>
#include <vector>

#include "drover/cli/input/record_reader.hpp"

namespace re2 {
class RE2;
}

namespace drover::cli {

/// The arguments that one record holds; just one without columns.
using Columns = std::vector<std::string>;

/// How records become arguments.
struct ArgumentRules {
  /// A regular expression of RE2 that splits each record into several arguments.
  std::optional<std::string> colsep;
  /// Which ends of an argument lose their white space; none: both ends with colsep, else neither.
  struct Trim {
    bool left = false;
    bool right = false;
  };
  std::optional<Trim> trim;
  /// A record that is this ends its source, as if nothing came behind.
  std::optional<std::string> end_mark;
  /// Records of nothing but white space are passed over.
  bool skips_blank = false;
  /// The first record of each source names its arguments.
  bool has_header = false;
};

/// Splits records into columns, in time and memory that are linear in their length.
class ColumnSplitter {
 public:
  /// Throws UsageError when the regular expression is none that RE2 knows.
  explicit ColumnSplitter(const std::optional<std::string>& colsep);

  [[nodiscard]] Columns split(const std::string& record) const;

 private:
  std::shared_ptr<const re2::RE2> separator_;  ///< null: none
};

/// Reads a source as it comes. Not thread-safe.
class ArgumentReader {
 public:
  using Records = std::variant<RecordReader, std::vector<std::string>>;

  /// Throws UsageError when a rule is none.
  ArgumentReader(Records records, const ArgumentRules& rules);

  /// The arguments of the next record. `columns` is only touched when there is one. Throws as RecordReader does.
  [[nodiscard]] RecordReader::State try_next(Columns& columns);
  /// All that is left, waiting for it.
  [[nodiscard]] std::vector<Columns> read_rest();

  /// As of RecordReader.
  [[nodiscard]] int wait_fd() const;

 private:
  [[nodiscard]] RecordReader::State next_record(std::string& record);
  [[nodiscard]] Columns columns_of(const std::string& record) const;

  Records records_;
  std::size_t next_value_ = 0;  ///< of a list
  ColumnSplitter splitter_;
  ArgumentRules::Trim trim_;
  std::optional<std::string> end_mark_;
  bool skips_blank_;
  bool has_ended_ = false;
};

}  // namespace drover::cli
