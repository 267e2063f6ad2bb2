#include "drover/journal/output_spool.hpp"

#include <fcntl.h>
#include <stdlib.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <utility>

namespace drover::journal {

namespace {

constexpr std::uint64_t kBlock = 256 * 1024;
constexpr std::size_t kMaxTail = 16 * 1024;
constexpr std::uint64_t kMaxMemory = 64ULL << 20;

/// A file that is gone when it is closed. Not every file system knows O_TMPFILE (NFS does not).
support::UniqueFd open_nameless(const std::filesystem::path& directory) {
  support::UniqueFd fd(::open(directory.c_str(), O_TMPFILE | O_RDWR | O_CLOEXEC, 0600));
  if (fd) return fd;
  std::string name = (directory / ".spool-XXXXXX").string();
  fd.reset(::mkostemp(name.data(), O_CLOEXEC));
  if (!fd) throw file_error("create a temporary file in", directory, errno);
  ::unlink(name.c_str());
  return fd;
}

}  // namespace

OutputSpool::OutputSpool(std::filesystem::path directory) : directory_(std::move(directory)) {}

void OutputSpool::append(core::AttemptId attempt, core::Stream stream, std::string_view bytes) {
  if (bytes.empty()) return;
  Content& content = attempts_[attempt].at(static_cast<std::size_t>(stream));
  if (content.tail.size() + bytes.size() <= kMaxTail && num_in_memory_ + bytes.size() <= kMaxMemory) {
    content.tail += bytes;
    num_in_memory_ += bytes.size();
    return;
  }
  spill(content, content.tail);
  num_in_memory_ -= content.tail.size();
  content.tail = std::string();
  spill(content, bytes);
}

const OutputSpool::Contents* OutputSpool::find(core::AttemptId attempt) const {
  const auto found = attempts_.find(attempt);
  return found == attempts_.end() ? nullptr : &found->second;
}

void OutputSpool::copy(const Content& content, AppendFile& file) const {
  std::uint64_t left = content.num_in_blocks;
  for (const std::uint32_t block : content.blocks) {
    const std::uint64_t length = std::min(left, kBlock);
    file.append_from(fd_.get(), block * kBlock, length);
    left -= length;
  }
  file.append(content.tail);
}

void OutputSpool::discard(core::AttemptId attempt) {
  const auto found = attempts_.find(attempt);
  if (found == attempts_.end()) return;
  for (const Content& content : found->second) {
    num_in_memory_ -= content.tail.size();
    free_blocks_.insert(free_blocks_.end(), content.blocks.begin(), content.blocks.end());
  }
  attempts_.erase(found);
  // If this fails, the blocks are merely kept for later.
  if (num_blocks_ > 0 && free_blocks_.size() == num_blocks_ && ::ftruncate(fd_.get(), 0) == 0) {
    free_blocks_.clear();
    num_blocks_ = 0;
  }
}

void OutputSpool::spill(Content& content, std::string_view bytes) {
  if (!fd_) fd_ = open_nameless(directory_);
  while (!bytes.empty()) {
    const std::uint64_t used = content.num_in_blocks % kBlock;
    if (content.num_in_blocks == content.blocks.size() * kBlock) content.blocks.push_back(take_block());
    const std::string_view part = bytes.substr(0, kBlock - used);
    write_at(fd_.get(), directory_, part, content.blocks.back() * kBlock + used);
    content.num_in_blocks += part.size();
    bytes.remove_prefix(part.size());
  }
}

std::uint32_t OutputSpool::take_block() {
  if (free_blocks_.empty()) return num_blocks_++;
  const std::uint32_t block = free_blocks_.back();
  free_blocks_.pop_back();
  return block;
}

}  // namespace drover::journal
