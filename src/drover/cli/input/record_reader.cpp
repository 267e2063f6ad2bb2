#include "drover/cli/input/record_reader.hpp"

#include <fcntl.h>
#include <poll.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <string_view>
#include <utility>

#include "drover/support/error.hpp"

namespace drover::cli {

namespace {

constexpr std::size_t kReadBytes = 64U << 10;
constexpr std::string_view kByteOrderMark = "\xEF\xBB\xBF";

/// O_NONBLOCK, so that opening a named pipe does not wait for its writer.
support::UniqueFd open_file(const std::string& path) {
  support::UniqueFd fd(::open(path.c_str(), O_RDONLY | O_CLOEXEC | O_NOCTTY | O_NONBLOCK));
  if (!fd) throw UsageError(system_error("cannot read '" + path + "'", errno).what());
  return fd;
}

bool may_block(int fd, const std::string& name) {
  struct stat status {};
  if (::fstat(fd, &status) != 0) throw UsageError(system_error("cannot read " + name, errno).what());
  // A closed one is held open for nothing but writing (open_closed_streams).
  if ((::fcntl(fd, F_GETFL) & O_ACCMODE) == O_WRONLY)
    throw UsageError(name +
                     " is closed, and the input was to come from there: name a file, or give arguments behind :::");
  if (S_ISDIR(status.st_mode))
    throw UsageError(name + " is a directory; expected a file with one command or one argument a line");
  return !S_ISREG(status.st_mode);
}

/// Whether a read would not wait: there are bytes, the end, or an error for it to report.
bool is_ready(int fd) {
  pollfd polled{fd, POLLIN, 0};
  return ::poll(&polled, 1, 0) > 0;
}

}  // namespace

RecordReader::RecordReader(int fd, std::string name, char delimiter, std::shared_ptr<StdinSpool> spool)
    : fd_(fd),
      name_(std::move(name)),
      delimiter_(delimiter),
      may_block_(fd_ >= 0 && may_block(fd_, name_)),
      spool_(std::move(spool)) {}

RecordReader::RecordReader(const std::string& path, char delimiter)
    : owned_(open_file(path)),
      fd_(owned_.get()),
      name_("'" + path + "'"),
      delimiter_(delimiter),
      may_block_(may_block(fd_, name_)) {}

RecordReader::State RecordReader::try_next(std::string& record) {
  while (!take_buffered(record)) {
    if (is_at_end_) return State::end;
    if (!fill()) return State::would_block;
  }
  return State::record;
}

bool RecordReader::next(std::string& record) {
  while (true) {
    const State state = try_next(record);
    if (state != State::would_block) return state == State::record;
    pollfd polled{fd_, POLLIN, 0};
    if (::poll(&polled, 1, -1) < 0 && errno != EINTR) throw system_error("cannot wait for " + name_, errno);
  }
}

bool RecordReader::fill() {
  if (spool_ && spool_->is_open()) return fill_from_spool();
  if (may_block_ && !is_ready(fd_)) return false;
  const std::size_t size = make_room();
  ssize_t num_read = -1;
  do {
    num_read = ::read(fd_, buffer_.data() + size, kReadBytes);
  } while (num_read < 0 && errno == EINTR);
  const int reason = errno;
  buffer_.resize(size + static_cast<std::size_t>(num_read > 0 ? num_read : 0));
  if (num_read < 0 && reason == EAGAIN) return false;
  if (num_read < 0) throw system_error("cannot read " + describe(num_records_ + 1), reason);
  is_at_end_ = num_read == 0;
  return true;
}

std::size_t RecordReader::make_room() {
  buffer_.erase(0, begin_);
  scanned_ -= begin_;
  begin_ = 0;
  const std::size_t size = buffer_.size();
  buffer_.resize(size + kReadBytes);
  return size;
}

bool RecordReader::fill_from_spool() {
  const std::size_t size = make_room();
  const std::size_t num = spool_->read(num_spooled_bytes_, {buffer_.data() + size, kReadBytes});
  buffer_.resize(size + num);
  num_spooled_bytes_ += num;
  if (num > 0) return true;
  if (spool_->is_complete()) {
    is_at_end_ = true;
  } else if (fd_ < 0) {
    // All whole records have been given out: the rest is the beginning of one.
    buffer_.clear();
    scanned_ = 0;
    is_at_end_ = true;
  } else if (!is_ready(fd_)) {
    return false;
  } else {
    spool_->take_from(fd_);
  }
  return true;
}

/// Editors of another system put it at the beginning of a text.
void RecordReader::pass_over_mark() {
  if (num_records_ > 0 || begin_ > 0 || delimiter_ == '\0' || !buffer_.starts_with(kByteOrderMark)) return;
  begin_ = kByteOrderMark.size();
  scanned_ = std::max(scanned_, begin_);
}

bool RecordReader::take_buffered(std::string& record) {
  pass_over_mark();
  std::size_t end = buffer_.find(delimiter_, scanned_);
  const bool is_delimited = end != std::string::npos;
  if (!is_delimited) end = scanned_ = buffer_.size();
  check(end - begin_);
  if (!is_delimited && (!is_at_end_ || begin_ == end)) return false;
  record.assign(buffer_, begin_, end - begin_);
  begin_ = scanned_ = is_delimited ? end + 1 : end;
  ++num_records_;
  return true;
}

void RecordReader::check(std::size_t length) const {
  if (length > kMostBytes)
    throw Error(describe(num_records_ + 1) + " is longer than the limit of " + std::to_string(kMostBytes >> 20U) +
                " MiB" + (delimiter_ == '\0' ? "; are its records lines? then leave out --null" : ""));
  if (delimiter_ != '\0' && buffer_.find('\0', begin_) < begin_ + length)
    throw Error(describe(num_records_ + 1) +
                " contains a NUL byte, which no command can; if its records end with NUL, use --null");
}

std::string RecordReader::describe(std::uint64_t record_number) const {
  return name_ + (delimiter_ == '\0' ? " record " : " line ") + std::to_string(record_number);
}

}  // namespace drover::cli
