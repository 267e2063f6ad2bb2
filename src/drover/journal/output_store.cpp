#include "drover/journal/output_store.hpp"

#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cerrno>
#include <system_error>
#include <utility>
#include <vector>

#include "drover/journal/output_index.hpp"
#include "drover/journal/output_paths.hpp"

namespace drover::journal {

namespace fs = std::filesystem;

namespace {

/// Within a directory that others may look into or not; the files of a store are as open as theirs is.
constexpr mode_t kFileMode = 0666;

const fs::path& created(const fs::path& directory, mode_t mode) {
  std::error_code error;
  fs::create_directories(directory.parent_path(), error);
  if (error) throw file_error("create directory", directory.parent_path(), error.value());
  if (::mkdir(directory.c_str(), mode) != 0 && errno != EEXIST) throw file_error("create directory", directory, errno);
  return directory;
}

void sync_if_there(const fs::path& path) {
  const support::UniqueFd fd(::open(path.c_str(), O_RDONLY | O_CLOEXEC));
  if (!fd && errno == ENOENT) return;
  if (!fd || ::fsync(fd.get()) != 0) throw file_error("write", path, errno);
}

void remove_task_files(const fs::path& directory, core::TaskId task) {
  remove_file(task_path(directory, task, core::Stream::out));
  remove_file(task_path(directory, task, core::Stream::err));
}

}  // namespace

OutputStore::Combined::Combined(const fs::path& directory)
    : out(combined_path(directory, core::Stream::out), kFileMode),
      err(combined_path(directory, core::Stream::err), kFileMode) {}

OutputStore::OutputStore(fs::path directory, OutputLayout layout, const OutputRecords& records, mode_t directory_mode)
    : directory_(std::move(directory)),
      layout_(layout),
      spool_(created(directory_, directory_mode)),
      index_(index_path(directory_), kFileMode),
      combined_(layout == OutputLayout::combined ? std::make_unique<Combined>(directory_) : nullptr) {
  index_.drop_torn_line();
  if (index_.size() == 0) {
    index_.append(kOutputIndexHeader);
    index_.flush();
  }
  recover(records);
}

void OutputStore::recover(const OutputRecords& records) {
  const auto is_there = [&](const StoredOutput& output) {
    return !combined_ || (output.out.offset + output.out.length <= combined_->out.size() &&
                          output.err.offset + output.err.length <= combined_->err.size());
  };
  std::vector<core::TaskId> dropped;
  const auto last = find_last_entry(
      index_.path(),
      [&](const OutputEntry& entry) { return is_there(entry.output) && records.is_recorded(entry.attempt); },
      [&](const OutputEntry& entry) { dropped.push_back(entry.attempt.task); });
  index_.truncate(last ? last->end : kOutputIndexHeader.size());
  if (combined_) {
    const StoredOutput output = last ? last->entry.output : StoredOutput{};
    combined_->out.truncate(output.out.offset + output.out.length);
    combined_->err.truncate(output.err.offset + output.err.length);
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
  append_entry(index_.buffer(), {attempt, output});
  spool_.discard(attempt);
  if (!combined_ && is_sync_expected_) unsynced_.push_back(attempt.task);
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
  AppendFile file(path, kFileMode);
  spool_.copy(content, file);
  file.flush();
  return {0, length};
}

void OutputStore::discard(core::AttemptId attempt) {
  spool_.discard(attempt);
}

void OutputStore::sync() {
  flush();
  if (combined_) {
    combined_->out.sync();
    combined_->err.sync();
  } else {
    for (const core::TaskId task : std::exchange(unsynced_, {}))
      for (const core::Stream stream : {core::Stream::out, core::Stream::err})
        sync_if_there(task_path(directory_, task, stream));
    sync_if_there(directory_);
  }
  index_.sync();
}

fs::path OutputStore::disturbed_file() const {
  if (!index_.is_in_place()) return index_.path();
  for (const AppendFile* file : {combined_ ? &combined_->out : nullptr, combined_ ? &combined_->err : nullptr})
    if (file != nullptr && !file->is_in_place()) return file->path();
  return {};
}

void OutputStore::flush() {
  if (combined_) {
    combined_->out.flush();
    combined_->err.flush();
  }
  index_.flush();
}

}  // namespace drover::journal
