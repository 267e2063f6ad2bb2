#include "drover/cli/input/argument_reader.hpp"

#include <poll.h>
#include <re2/re2.h>

#include <cerrno>
#include <utility>

#include "drover/support/error.hpp"

namespace drover::cli {

namespace {

constexpr const char* kBlanks = " \t\r\n";

void trim(std::string& argument, ArgumentRules::Trim sides) {
  if (sides.right) argument.erase(argument.find_last_not_of(kBlanks) + 1);
  if (sides.left) argument.erase(0, argument.find_first_not_of(kBlanks));
}

/// As a text of UTF-8, or else of bytes.
std::shared_ptr<const re2::RE2> compile(const std::string& pattern) {
  RE2::Options options;
  options.set_log_errors(false);
  auto compiled = std::make_shared<const RE2>(pattern, options);
  if (compiled->error_code() != RE2::ErrorBadUTF8) return compiled;
  options.set_encoding(RE2::Options::EncodingLatin1);
  return std::make_shared<const RE2>(pattern, options);
}

}  // namespace

ColumnSplitter::ColumnSplitter(const std::optional<std::string>& colsep) {
  if (!colsep) return;
  separator_ = compile(*colsep);
  if (!separator_->ok())
    throw UsageError("--colsep '" + *colsep + "' is not a regular expression of RE2: " + separator_->error() +
                     " (which has no back references and no look-around)");
}

/// What is between the separators; nothing behind the last one is no column.
Columns ColumnSplitter::split(const std::string& record) const {
  if (!separator_) return {record};
  Columns columns;
  const re2::StringPiece text(record);
  std::size_t begin = 0;   // of a column
  std::size_t search = 0;  // behind an empty separator it goes on with the next character
  re2::StringPiece found;
  while (search <= record.size() && separator_->Match(text, search, record.size(), RE2::UNANCHORED, &found, 1)) {
    const auto at = static_cast<std::size_t>(found.data() - record.data());
    columns.push_back(record.substr(begin, at - begin));
    begin = at + found.size();
    search = found.empty() ? begin + 1 : begin;
  }
  if (begin < record.size() || columns.empty()) columns.push_back(record.substr(begin));
  return columns;
}

ArgumentReader::ArgumentReader(Records records, const ArgumentRules& rules)
    : records_(std::move(records)),
      splitter_(rules.colsep),
      trim_(rules.trim.value_or(ArgumentRules::Trim{rules.colsep.has_value(), rules.colsep.has_value()})),
      end_mark_(rules.end_mark),
      skips_blank_(rules.skips_blank) {}

RecordReader::State ArgumentReader::try_next(Columns& columns) {
  std::string record;
  while (!has_ended_) {
    const RecordReader::State state = next_record(record);
    if (state == RecordReader::State::would_block) return state;
    has_ended_ = state == RecordReader::State::end || record == end_mark_;
    if (has_ended_ || (skips_blank_ && record.find_first_not_of(kBlanks) == std::string::npos)) continue;
    columns = columns_of(record);
    return state;
  }
  return RecordReader::State::end;
}

std::vector<Columns> ArgumentReader::read_rest() {
  std::vector<Columns> rest;
  for (Columns columns; true;) {
    switch (try_next(columns)) {
      case RecordReader::State::record:
        rest.push_back(std::move(columns));
        break;
      case RecordReader::State::end:
        return rest;
      case RecordReader::State::would_block:
        pollfd polled{wait_fd(), POLLIN, 0};
        if (::poll(&polled, 1, -1) < 0 && errno != EINTR) throw system_error("cannot wait for arguments", errno);
        break;
    }
  }
}

RecordReader::State ArgumentReader::next_record(std::string& record) {
  if (auto* reader = std::get_if<RecordReader>(&records_)) return reader->try_next(record);
  auto& values = std::get<std::vector<std::string>>(records_);
  if (next_value_ == values.size()) return RecordReader::State::end;
  record = values[next_value_++];
  return RecordReader::State::record;
}

Columns ArgumentReader::columns_of(const std::string& record) const {
  Columns columns = splitter_.split(record);
  for (std::string& column : columns) trim(column, trim_);
  return columns;
}

int ArgumentReader::wait_fd() const {
  const auto* reader = std::get_if<RecordReader>(&records_);
  return reader != nullptr ? reader->wait_fd() : -1;
}

}  // namespace drover::cli
