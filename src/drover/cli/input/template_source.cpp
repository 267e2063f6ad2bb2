#include "drover/cli/input/template_source.hpp"

#include <algorithm>
#include <utility>

#include "drover/support/error.hpp"

namespace drover::cli {

namespace {

void append(Columns& row, const Columns& more) {
  row.insert(row.end(), more.begin(), more.end());
}

std::size_t longest(const std::vector<std::vector<Columns>>& sources) {
  std::size_t most = 0;
  for (const std::vector<Columns>& rows : sources) most = std::max(most, rows.size());
  return most;
}

/// A source without arguments among others is one empty argument, as with GNU parallel. Whether any has some.
bool fill_empty(std::vector<std::vector<Columns>>& sources) {
  bool has_arguments = false;
  for (std::vector<Columns>& rows : sources) {
    has_arguments = has_arguments || !rows.empty();
    if (rows.empty()) rows.push_back({""});
  }
  return has_arguments;
}

}  // namespace

std::vector<Columns> link(std::vector<Columns> left, const std::vector<Columns>& right) {
  left.resize(std::min(left.size(), right.size()));
  for (std::size_t i = 0; i < left.size(); ++i) append(left[i], right[i]);
  return left;
}

TemplateSource::TemplateSource(std::vector<std::string> words, InputForm form, ArgumentReader first,
                               OtherSources others, std::uint64_t num_before)
    : words_(std::move(words)),
      form_(std::move(form)),
      first_(std::move(first)),
      others_(std::move(others)),
      positions_(others_.combined.size(), 0),
      number_(num_before) {
  if (!form_.arguments.has_header) read_template();
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
  while (batch.tasks.size() < max) {
    if (!current_) {
      const RecordReader::State state = command_ ? next_first() : read_names();
      if (state == RecordReader::State::would_block) {
        batch.state = State::would_block;
        return;
      }
      if (state == RecordReader::State::end) {
        if (num_packed_ > 0) finish_task(batch.tasks);
        batch.state = State::end;
        return;
      }
      if (!current_) continue;  // those were the names
    }
    take_combination(batch.tasks);
    if (!advance_others()) current_.reset();
  }
}

// --- reading ----------------------------------------------------------------------------------

RecordReader::State TemplateSource::read_names() {
  Columns names;
  const RecordReader::State state = first_.try_next(names);
  if (state != RecordReader::State::record) return state;
  for (std::vector<std::vector<Columns>>* sources : {&others_.linked, &others_.combined}) {
    for (std::vector<Columns>& rows : *sources) {
      if (rows.empty()) continue;
      append(names, rows.front());
      rows.erase(rows.begin());
    }
  }
  form_.syntax.names = std::move(names);
  read_template();
  return state;
}

void TemplateSource::read_template() {
  const bool has_linked = fill_empty(others_.linked);
  have_others_arguments_ = fill_empty(others_.combined) || has_linked;
  command_.emplace(words_, form_.syntax);
  if (form_.tagstring) {
    TemplateSyntax syntax = form_.syntax;
    syntax.appends_arguments = false;
    tag_.emplace(std::vector{*form_.tagstring}, std::move(syntax));
  }
  check_positions();
}

/// With columns it is only known record by record how many arguments there are.
void TemplateSource::check_positions() const {
  std::size_t num_sources = 1;
  for (const std::vector<std::vector<Columns>>* sources : {&others_.linked, &others_.combined})
    for (const std::vector<Columns>& rows : *sources) num_sources += rows.front().size();
  if (form_.arguments.colsep || form_.packing || command_->highest_position() <= num_sources) return;
  std::string text;
  for (const std::string& word : words_) text += (text.empty() ? "" : " ") + word;
  throw UsageError("the template '" + text + "' refers to argument " + std::to_string(command_->highest_position()) +
                   ", and there " +
                   (num_sources == 1 ? "is one source" : "are " + std::to_string(num_sources) + " sources") +
                   " of arguments");
}

RecordReader::State TemplateSource::next_first() {
  Columns row;
  RecordReader::State state = first_.try_next(row);
  if (state == RecordReader::State::would_block) return state;
  const std::size_t num_linked_rows = longest(others_.linked);
  if (state == RecordReader::State::end) {
    if (num_rows_ == 0 && have_others_arguments_)
      row = {""};
    else if (others_.recycles && num_rows_ < num_linked_rows && !recycled_.empty())
      row = recycled_[num_rows_ % recycled_.size()];
    else
      return state;
  } else if (others_.recycles && recycled_.size() == num_rows_ && num_rows_ < num_linked_rows) {
    recycled_.push_back(row);
  }
  if (!append_linked(row)) return RecordReader::State::end;
  ++num_rows_;
  current_ = std::move(row);
  return RecordReader::State::record;
}

/// False if one of them has ended.
bool TemplateSource::append_linked(Columns& row) const {
  for (const std::vector<Columns>& rows : others_.linked) {
    if (!others_.recycles && num_rows_ >= rows.size()) return false;
    append(row, rows[num_rows_ % rows.size()]);
  }
  return true;
}

bool TemplateSource::advance_others() {
  for (std::size_t i = positions_.size(); i-- > 0;) {
    if (++positions_[i] < others_.combined[i].size()) return true;
    positions_[i] = 0;
  }
  return false;
}

// --- making tasks -----------------------------------------------------------------------------

void TemplateSource::take_combination(std::vector<core::TaskSpec>& tasks) {
  Columns arguments = *current_;
  for (std::size_t i = 0; i < positions_.size(); ++i) append(arguments, others_.combined[i][positions_[i]]);
  const auto has_nul = [](const std::string& argument) { return argument.find('\0') != std::string::npos; };
  if (std::any_of(arguments.begin(), arguments.end(), has_nul))
    throw Error("an argument contains a NUL byte, which no command can; if records end with NUL, use --null");
  if (form_.packing && num_packed_ > 0 && !fits(arguments)) finish_task(tasks);
  if (form_.packing && form_.packing->max_bytes > 0) {
    const std::size_t without = command_->expand({}, number_).payload.size();
    if (num_packed_ == 0) num_packed_bytes_ = without;
    num_packed_bytes_ += command_->expand(arguments, number_).payload.size() - without + (num_packed_ > 0 ? 1 : 0);
  }
  append(packed_, arguments);
  ++num_packed_;
  if (!form_.packing || num_packed_ == form_.packing->max_arguments) finish_task(tasks);
}

bool TemplateSource::fits(const Columns& arguments) const {
  if (form_.packing->max_bytes == 0) return true;
  const std::size_t more =
      command_->expand(arguments, number_).payload.size() - command_->expand({}, number_).payload.size() + 1;
  return num_packed_bytes_ + more <= form_.packing->max_bytes;
}

void TemplateSource::finish_task(std::vector<core::TaskSpec>& tasks) {
  tasks.push_back(command_->expand(packed_, ++number_));
  if (tag_) tasks.back().tag = tag_->expand_text(packed_, number_);
  packed_.clear();
  num_packed_ = 0;
  num_packed_bytes_ = 0;
}

}  // namespace drover::cli
