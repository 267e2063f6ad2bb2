#include "drover/cli/input/record_reader.hpp"

#include <fcntl.h>
#include <poll.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cerrno>

#include "drover/support/error.hpp"

namespace drover::cli {

namespace {

constexpr std::size_t kReadBytes = 64U << 10;
constexpr std::size_t kMostRecordBytes = 16U << 20;

support::UniqueFd open_file(const std::string& path) {
  support::UniqueFd fd(::open(path.c_str(), O_RDONLY | O_CLOEXEC));
  if (!fd) throw UsageError(system_error("cannot read '" + path + "'", errno).what());
  struct stat status {};
  if (::fstat(fd.get(), &status) == 0 && S_ISDIR(status.st_mode))
    throw UsageError("cannot read '" + path + "': it is a directory, expected a file");
  return fd;
}

bool is_regular(int fd) {
  struct stat status {};
  return ::fstat(fd, &status) == 0 && S_ISREG(status.st_mode);
}

}  // namespace

RecordReader::RecordReader(int fd, std::string name, char delimiter)
    : fd_(fd), name_(std::move(name)), delimiter_(delimiter), may_block_(!is_regular(fd)) {}

RecordReader::RecordReader(const std::string& path, char delimiter)
    : owned_(open_file(path)),
      fd_(owned_.get()),
      name_("'" + path + "'"),
      delimiter_(delimiter),
      may_block_(!is_regular(fd_)) {}

RecordReader::State RecordReader::try_next(std::string& record) {
  while (true) {
    if (take_buffered(record)) return State::record;
    if (is_at_end_) return State::end;
    if (fill() == State::would_block) return State::would_block;
  }
}

bool RecordReader::next(std::string& record) {
  while (true) {
    const State state = try_next(record);
    if (state != State::would_block) return state == State::record;
    pollfd polled{fd_, POLLIN, 0};
    if (::poll(&polled, 1, -1) < 0 && errno != EINTR) throw system_error("cannot wait for " + name_, errno);
  }
}

bool RecordReader::take_buffered(std::string& record) {
  const std::size_t end = buffer_.find(delimiter_, scanned_);
  const bool is_last = end == std::string::npos && is_at_end_ && begin_ < buffer_.size();
  if (end == std::string::npos && !is_last) {
    scanned_ = buffer_.size();
    if (buffer_.size() - begin_ > kMostRecordBytes)
      throw Error(name_ + " line " + std::to_string(line_ + 1) + " is longer than " +
                  std::to_string(kMostRecordBytes >> 20U) + " MiB; if its records end with NUL, use --null");
    return false;
  }
  ++line_;
  const std::size_t length = (is_last ? buffer_.size() : end) - begin_;
  check(std::string_view(buffer_).substr(begin_, length));
  record.assign(buffer_, begin_, length);
  begin_ = is_last ? buffer_.size() : end + 1;
  scanned_ = begin_;
  return true;
}

RecordReader::State RecordReader::fill() {
  pollfd polled{fd_, POLLIN, 0};
  if (may_block_ && ::poll(&polled, 1, 0) == 0) return State::would_block;
  buffer_.erase(0, begin_);
  scanned_ -= begin_;
  begin_ = 0;
  const std::size_t size = buffer_.size();
  buffer_.resize(size + kReadBytes);
  const ssize_t num = ::read(fd_, buffer_.data() + size, kReadBytes);
  const int reason = errno;
  buffer_.resize(size + static_cast<std::size_t>(num > 0 ? num : 0));
  if (num < 0 && (reason == EAGAIN || reason == EINTR)) return State::would_block;
  if (num < 0) throw system_error("cannot read " + name_ + " after line " + std::to_string(line_), reason);
  is_at_end_ = num == 0;
  return State::record;
}

void RecordReader::check(std::string_view record) const {
  if (delimiter_ != '\0' && record.find('\0') != std::string_view::npos)
    throw Error(name_ + " line " + std::to_string(line_) +
                " contains a NUL byte, which no command can; if its records end with NUL, use --null");
}

}  // namespace drover::cli
