#include "drover/cli/input/template_source.hpp"

#include <algorithm>

#include "drover/support/error.hpp"

namespace drover::cli {

ColumnSplitter::ColumnSplitter(const std::optional<std::string>& colsep) {
  if (!colsep) return;
  try {
    separator_.emplace(*colsep);
  } catch (const std::regex_error& e) {
    throw UsageError("--colsep '" + *colsep + "' is not a regular expression: " + e.what());
  }
}

Columns ColumnSplitter::split(const std::string& record) const {
  if (!separator_) return {record};
  return {std::sregex_token_iterator(record.begin(), record.end(), *separator_, -1), std::sregex_token_iterator()};
}

TemplateSource::TemplateSource(CommandTemplate command, ColumnSplitter splitter, First first,
                               const std::vector<std::vector<std::string>>& others, std::uint64_t num_before)
    : command_(std::move(command)),
      splitter_(std::move(splitter)),
      first_(std::move(first)),
      positions_(others.size(), 0),
      number_(num_before) {
  for (const std::vector<std::string>& records : others) {
    std::vector<Columns>& source = others_.emplace_back();
    for (const std::string& record : records) source.push_back(splitter_.split(record));
  }
}

/// What came before damage is given out first.
runtime::TaskSource::Batch TemplateSource::pull(std::size_t max) {
  if (damage_) std::rethrow_exception(damage_);
  Batch batch;
  try {
    fill(batch, max);
  } catch (const Error&) {
    if (batch.tasks.empty()) throw;
    damage_ = std::current_exception();
    batch.state = State::more;
  }
  return batch;
}

void TemplateSource::fill(Batch& batch, std::size_t max) {
  const bool has_empty_source =
      std::any_of(others_.begin(), others_.end(), [](const std::vector<Columns>& source) { return source.empty(); });
  if (has_empty_source) {
    batch.state = State::end;
    return;
  }
  while (batch.tasks.size() < max) {
    if (!current_) {
      const RecordReader::State state = next_first();
      if (state != RecordReader::State::record) {
        batch.state = state == RecordReader::State::end ? State::end : State::would_block;
        return;
      }
    }
    add_task(batch.tasks);
    if (!advance_others()) current_.reset();
  }
}

RecordReader::State TemplateSource::next_first() {
  std::string record;
  if (auto* reader = std::get_if<RecordReader>(&first_)) {
    const RecordReader::State state = reader->try_next(record);
    if (state == RecordReader::State::record) current_ = splitter_.split(record);
    return state;
  }
  const auto& values = std::get<std::vector<std::string>>(first_);
  if (next_value_ == values.size()) return RecordReader::State::end;
  current_ = splitter_.split(values[next_value_++]);
  return RecordReader::State::record;
}

void TemplateSource::add_task(std::vector<core::TaskSpec>& tasks) {
  std::vector<std::string> arguments = *current_;
  for (std::size_t i = 0; i < others_.size(); ++i) {
    const Columns& columns = others_[i][positions_[i]];
    arguments.insert(arguments.end(), columns.begin(), columns.end());
  }
  const auto has_nul = [](const std::string& argument) { return argument.find('\0') != std::string::npos; };
  if (std::any_of(arguments.begin(), arguments.end(), has_nul))
    throw Error("an argument contains a NUL byte, which no command can; if records end with NUL, use --null");
  tasks.push_back(command_.expand(arguments, ++number_));
}

bool TemplateSource::advance_others() {
  for (std::size_t i = others_.size(); i-- > 0;) {
    if (++positions_[i] < others_[i].size()) return true;
    positions_[i] = 0;
  }
  return false;
}

int TemplateSource::wait_fd() const {
  const auto* reader = std::get_if<RecordReader>(&first_);
  return reader != nullptr ? reader->wait_fd() : -1;
}

}  // namespace drover::cli
