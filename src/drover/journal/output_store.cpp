#include "drover/journal/output_store.hpp"

#include <array>
#include <charconv>
#include <fstream>
#include <optional>
#include <system_error>
#include <utility>
#include <vector>

#include "drover/journal/number_text.hpp"
#include "drover/journal/output_paths.hpp"

namespace drover::journal {

namespace fs = std::filesystem;

namespace {

constexpr std::string_view kHeader = "task\tattempt\tstdout_offset\tstdout_length\tstderr_offset\tstderr_length\n";

const fs::path& created(const fs::path& directory) {
  std::error_code error;
  fs::create_directories(directory, error);
  if (error) throw file_error("create directory", directory, error.value());
  return directory;
}

struct IndexEntry {
  core::AttemptId attempt;
  StoredOutput output;
};

std::optional<IndexEntry> parse_entry(std::string_view line) {
  std::array<std::uint64_t, 6> numbers{};
  const char* at = line.data();
  const char* const end = line.data() + line.size();
  for (std::uint64_t& number : numbers) {
    if (&number != numbers.data() && (at == end || *at++ != '\t')) return std::nullopt;
    const auto parsed = std::from_chars(at, end, number);
    if (parsed.ec != std::errc()) return std::nullopt;
    at = parsed.ptr;
  }
  if (at != end) return std::nullopt;
  const auto [task, attempt, out_offset, out_length, err_offset, err_length] = numbers;
  return IndexEntry{{core::TaskId(task), static_cast<std::uint32_t>(attempt)},
                    {{out_offset, out_length}, {err_offset, err_length}}};
}

void remove_file(const fs::path& path) {
  std::error_code error;
  fs::remove(path, error);
  if (error) throw file_error("remove", path, error.value());
}

void remove_task_files(const fs::path& directory, core::TaskId task) {
  remove_file(task_path(directory, task, core::Stream::out));
  remove_file(task_path(directory, task, core::Stream::err));
}

}  // namespace

OutputStore::Combined::Combined(const fs::path& directory)
    : out(combined_path(directory, core::Stream::out)), err(combined_path(directory, core::Stream::err)) {}

OutputStore::OutputStore(fs::path directory, OutputLayout layout, const IsRecorded& is_recorded)
    : directory_(std::move(directory)),
      layout_(layout),
      spool_(created(directory_)),
      index_(index_path(directory_)),
      combined_(layout == OutputLayout::combined ? std::make_unique<Combined>(directory_) : nullptr) {
  index_.drop_torn_line();
  if (index_.size() == 0) {
    index_.append(kHeader);
    index_.flush();
  }
  recover(is_recorded);
}

void OutputStore::recover(const IsRecorded& is_recorded) {
  std::ifstream index(index_.path());
  std::string line;
  std::getline(index, line);
  if (line + '\n' != kHeader) throw Error("cannot use '" + index_.path().string() + "': not an index of outputs");

  const auto is_there = [&](const StoredOutput& output) {
    return !combined_ || (output.out.offset + output.out.length <= combined_->out.size() &&
                          output.err.offset + output.err.length <= combined_->err.size());
  };
  std::uint64_t index_end = kHeader.size();
  StoredOutput last;
  std::vector<core::TaskId> dropped;  // since the last entry to keep: only the end is ever cut off
  for (std::uint64_t at = index_end; std::getline(index, line);) {
    at += line.size() + 1;
    const auto entry = parse_entry(line);
    if (entry && is_there(entry->output) && is_recorded(entry->attempt)) {
      index_end = at;
      last = entry->output;
      dropped.clear();
    } else if (entry) {
      dropped.push_back(entry->attempt.task);
    }
  }
  if (index.bad()) throw file_error("read", index_.path(), EIO);

  index_.truncate(index_end);
  if (combined_) {
    combined_->out.truncate(last.out.offset + last.out.length);
    combined_->err.truncate(last.err.offset + last.err.length);
  } else {
    for (const core::TaskId task : dropped) remove_task_files(directory_, task);
  }
}

void OutputStore::append(core::AttemptId attempt, core::Stream stream, std::span<const char> bytes) {
  spool_.append(attempt, stream, {bytes.data(), bytes.size()});
}

StoredOutput OutputStore::commit(core::AttemptId attempt) {
  const OutputSpool::Contents* contents = spool_.find(attempt);
  if (contents == nullptr) {
    // A crash may have left files of an attempt that was not recorded.
    if (!combined_) remove_task_files(directory_, attempt.task);
    return {};
  }
  const StoredOutput output{.out = store(attempt.task, core::Stream::out, *contents),
                            .err = store(attempt.task, core::Stream::err, *contents)};
  add_to_index(attempt, output);
  spool_.discard(attempt);
  return output;
}

Extent OutputStore::store(core::TaskId task, core::Stream stream, const OutputSpool::Contents& contents) {
  const OutputSpool::Content& content = contents.at(static_cast<std::size_t>(stream));
  const std::uint64_t length = content.num_in_blocks + content.tail.size();
  if (combined_) {
    AppendFile& file = combined_->of(stream);
    const std::uint64_t offset = file.size();
    spool_.copy(content, file);
    return {offset, length};
  }
  const fs::path path = task_path(directory_, task, stream);
  remove_file(path);
  if (length == 0) return {};
  AppendFile file(path);
  spool_.copy(content, file);
  file.flush();
  return {0, length};
}

void OutputStore::add_to_index(core::AttemptId attempt, const StoredOutput& output) {
  std::string& line = index_.buffer();
  append_number(line, attempt.task.value);
  const std::uint64_t numbers[] = {attempt.n, output.out.offset, output.out.length, output.err.offset,
                                   output.err.length};
  for (const std::uint64_t number : numbers) append_number(line += '\t', number);
  line += '\n';
}

void OutputStore::discard(core::AttemptId attempt) {
  spool_.discard(attempt);
}

void OutputStore::flush() {
  if (combined_) {
    combined_->out.flush();
    combined_->err.flush();
  }
  index_.flush();
}

}  // namespace drover::journal
