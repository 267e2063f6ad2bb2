#include "drover/cli/input/task_file_source.hpp"

#include <utility>

#include "drover/support/error.hpp"

namespace drover::cli {

namespace {

bool is_blank_or_comment(const std::string& line) {
  const std::size_t first = line.find_first_not_of(" \t");
  return first == std::string::npos || line[first] == '#';
}

/// An even number of backslashes at the end are escaped backslashes.
bool ends_in_continuation(const std::string& line) {
  const std::size_t last = line.find_last_not_of('\\');
  const std::size_t num = line.size() - (last == std::string::npos ? 0 : last + 1);
  return num % 2 == 1;
}

core::TaskSpec command(std::string payload) {
  core::TaskSpec task;
  task.payload = std::move(payload);
  return task;
}

}  // namespace

/// What came before damage is given out first.
runtime::TaskSource::Batch TaskFileSource::pull(std::size_t max) {
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

void TaskFileSource::fill(Batch& batch, std::size_t max) {
  std::string record;
  while (batch.tasks.size() < max) {
    switch (reader_.try_next(record)) {
      case RecordReader::State::would_block:
        batch.state = State::would_block;
        return;
      case RecordReader::State::end:
        finish_command(batch.tasks);
        batch.state = State::end;
        return;
      case RecordReader::State::record:
        take(std::move(record), batch.tasks);
        break;
    }
  }
}

void TaskFileSource::take(std::string record, std::vector<core::TaskSpec>& tasks) {
  if (null_separated_) {
    if (!record.empty()) tasks.push_back(command(std::move(record)));
    return;
  }
  if (!record.empty() && record.back() == '\r') record.pop_back();
  if (!is_continued_ && is_blank_or_comment(record)) return;
  is_continued_ = ends_in_continuation(record);
  if (is_continued_) record.pop_back();
  continued_ += record;
  if (!is_continued_) finish_command(tasks);
}

void TaskFileSource::finish_command(std::vector<core::TaskSpec>& tasks) {
  is_continued_ = false;
  std::string line = std::exchange(continued_, {});
  if (line.find_first_not_of(" \t") != std::string::npos) tasks.push_back(command(std::move(line)));
}

}  // namespace drover::cli
