// C's streams are variables in the GNU C library, and may be set to a stream of one's own; the C++ ones have their
// buffers exchanged. Neither keeps anything: what is printed is here at once, in the order in which it was printed, and
// from the thread that prints. Before each, what came by the descriptors until then is read, so that a function and its
// children are heard in turn.

#include "drover/exec/output_capture.hpp"

#include <fcntl.h>
#include <sys/epoll.h>
#include <sys/eventfd.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <iostream>
#include <utility>

#include "drover/support/error.hpp"

namespace drover::exec {

namespace {

constexpr std::size_t kReadBytes = 16U << 10;
/// What a pipe had as one began to read is read by so many reads: some child may write for ever.
constexpr int kMostReads = 5;
constexpr std::array kStreams{core::Stream::out, core::Stream::err};

constexpr std::size_t index_of(core::Stream stream) {
  return static_cast<std::size_t>(stream);
}

constexpr int descriptor_of(core::Stream stream) {
  return stream == core::Stream::out ? STDOUT_FILENO : STDERR_FILENO;
}

void write_all(int fd, std::string_view bytes) {
  while (!bytes.empty()) {
    const ssize_t num = ::write(fd, bytes.data(), bytes.size());
    if (num < 0 && errno != EINTR) return;
    bytes.remove_prefix(num > 0 ? static_cast<std::size_t>(num) : 0);
  }
}

}  // namespace

void Printed::take(core::Stream stream, std::span<const char> bytes) {
  num_bytes[index_of(stream)] += bytes.size();
  if (stream == core::Stream::err) stderr_tail.take(bytes);
}

void Printed::tell(core::AttemptResult& result) const {
  result.stdout_bytes = num_bytes[index_of(core::Stream::out)];
  result.stderr_bytes = num_bytes[index_of(core::Stream::err)];
  if (result.stderr_tail.empty()) result.stderr_tail = stderr_tail.line();
}

/// Of a C++ stream: keeps nothing.
class OutputCapture::Buffer final : public std::streambuf {
 public:
  Buffer(OutputCapture& capture, core::Stream stream) : capture_(capture), stream_(stream) {}

  void print(std::string_view bytes) { capture_.print(stream_, bytes); }

 protected:
  int_type overflow(int_type c) override {
    if (traits_type::eq_int_type(c, traits_type::eof())) return traits_type::not_eof(c);
    const char byte = traits_type::to_char_type(c);
    print({&byte, 1});
    return c;
  }
  std::streamsize xsputn(const char* bytes, std::streamsize num) override {
    print({bytes, static_cast<std::size_t>(num)});
    return num;
  }

 private:
  OutputCapture& capture_;
  core::Stream stream_;
};

OutputCapture::OutputCapture() {
  event_.reset(::eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK));
  epoll_.reset(::epoll_create1(EPOLL_CLOEXEC));
  epoll_event event{.events = EPOLLIN, .data = {}};
  if (!event_ || !epoll_ || ::epoll_ctl(epoll_.get(), EPOLL_CTL_ADD, event_.get(), &event) < 0)
    throw system_error("cannot watch what functions print", errno);
  std::cout.flush();
  (void)std::fflush(nullptr);
  for (const core::Stream stream : kStreams) open_pipe(stream);
  replace_streams();
}

OutputCapture::~OutputCapture() {
  stop();
  for (std::FILE* file : files_) (void)std::fclose(file);
}

void OutputCapture::stop() {
  stop_waiting();
  if (std::exchange(is_stopped_, true)) return;
  restore_streams();
  const std::lock_guard lock(mutex_);
  drain_pipes();
  end_lines();
  for (const Chunk& chunk : take_chunks(num_held_)) write_all(descriptor_of(chunk.stream), chunk.bytes);
}

void OutputCapture::open_pipe(core::Stream stream) {
  const std::size_t index = index_of(stream);
  std::array<int, 2> ends{};
  true_fds_[index].reset(::fcntl(descriptor_of(stream), F_DUPFD_CLOEXEC, 3));
  if (!true_fds_[index] || ::pipe2(ends.data(), O_CLOEXEC) < 0)
    throw system_error("cannot capture what functions print", errno);
  pipe_ends_[index].reset(ends[0]);
  const support::UniqueFd write_end(ends[1]);
  epoll_event event{.events = EPOLLIN, .data = {}};
  if (::fcntl(ends[0], F_SETFL, O_NONBLOCK) < 0 || ::epoll_ctl(epoll_.get(), EPOLL_CTL_ADD, ends[0], &event) < 0 ||
      ::dup2(write_end.get(), descriptor_of(stream)) < 0)
    throw system_error("cannot capture what functions print", errno);
}

ssize_t OutputCapture::write_cookie(void* cookie, const char* bytes, std::size_t num) {
  static_cast<Buffer*>(cookie)->print({bytes, num});
  return static_cast<ssize_t>(num);
}

void OutputCapture::replace_streams() {
  true_files_ = {stdout, stderr};
  for (const core::Stream stream : kStreams) {
    const std::size_t index = index_of(stream);
    buffers_[index] = std::make_unique<Buffer>(*this, stream);
    cookie_io_functions_t functions{};
    functions.write = &write_cookie;
    files_[index] = ::fopencookie(buffers_[index].get(), "w", functions);
    if (files_[index] == nullptr) throw system_error("cannot capture what functions print", errno);
    (void)std::setvbuf(files_[index], nullptr, _IONBF, 0);
  }
  stdout = files_[0];
  stderr = files_[1];
  true_buffers_ = {std::cout.rdbuf(buffers_[0].get()), std::cerr.rdbuf(buffers_[1].get()),
                   std::clog.rdbuf(buffers_[1].get())};
}

void OutputCapture::restore_streams() {
  stdout = true_files_[0];
  stderr = true_files_[1];
  std::cout.rdbuf(true_buffers_[0]);
  std::cerr.rdbuf(true_buffers_[1]);
  std::clog.rdbuf(true_buffers_[2]);
  (void)std::fflush(nullptr);
  for (const core::Stream stream : kStreams) ::dup2(true_fds_[index_of(stream)].get(), descriptor_of(stream));
}

// --- on the threads that execute --------------------------------------------------------------

std::optional<core::AttemptId>& OutputCapture::attempt_of_thread() {
  static thread_local std::optional<core::AttemptId> attempt;
  return attempt;
}

void OutputCapture::begin(core::AttemptId attempt) {
  const std::lock_guard lock(mutex_);
  drain_pipes();  // this is not of the attempt
  running_.try_emplace(attempt);
  attempt_of_thread() = attempt;
}

Printed OutputCapture::end(core::AttemptId attempt) {
  for (std::FILE* file : true_files_) (void)std::fflush(file);  // of wide streams
  std::unique_lock lock(mutex_);
  drain_fully(lock);
  attempt_of_thread().reset();
  const auto found = running_.extract(attempt);
  return found ? found.mapped().printed : Printed{};
}

void OutputCapture::set_waiting(core::AttemptId attempt, bool is_waiting) {
  const std::lock_guard lock(mutex_);
  drain_pipes();
  if (const auto found = running_.find(attempt); found != running_.end()) found->second.is_waiting = is_waiting;
}

Printed OutputCapture::leave_behind(core::AttemptId attempt) {
  const std::lock_guard lock(mutex_);
  drain_pipes();
  const auto found = running_.extract(attempt);
  return found ? found.mapped().printed : Printed{};
}

void OutputCapture::print(core::Stream stream, std::string_view bytes) {
  std::unique_lock lock(mutex_);
  while (!bytes.empty()) {
    if (std::this_thread::get_id() != owner_) has_room_.wait(lock, [this] { return has_room(); });
    drain_pipes();
    const std::string_view part = bytes.substr(0, kReadBytes);
    hold(attempt_that_prints(), stream, part);
    bytes.remove_prefix(part.size());
  }
}

std::optional<core::AttemptId> OutputCapture::attempt_that_prints() const {
  const std::optional<core::AttemptId>& attempt = attempt_of_thread();
  return attempt && running_.contains(*attempt) ? attempt : only_running();
}

std::optional<core::AttemptId> OutputCapture::only_running() const {
  std::optional<core::AttemptId> only;
  for (const auto& [attempt, running] : running_) {
    if (running.is_waiting) continue;
    if (only) return std::nullopt;
    only = attempt;
  }
  return only;
}

// --- what is held, with the mutex held --------------------------------------------------------

/// Whether there may be more.
bool OutputCapture::drain_pipe(core::Stream stream) {
  std::array<char, kReadBytes> bytes{};
  const ssize_t num = ::read(pipe_ends_[index_of(stream)].get(), bytes.data(), bytes.size());
  if (num > 0) hold(only_running(), stream, {bytes.data(), static_cast<std::size_t>(num)});
  // A function has closed the descriptor: nothing more comes, and nobody is to be woken for it.
  if (num == 0) (void)::epoll_ctl(epoll_.get(), EPOLL_CTL_DEL, pipe_ends_[index_of(stream)].get(), nullptr);
  return num > 0 || (num < 0 && errno == EINTR);
}

/// As far as there is room.
void OutputCapture::drain_pipes() {
  for (const core::Stream stream : kStreams)
    for (int i = 0; i < kMostReads && has_room() && drain_pipe(stream); ++i) {
    }
}

/// Waits for room until all has been read that was written by now.
void OutputCapture::drain_fully(std::unique_lock<std::mutex>& lock) {
  for (const core::Stream stream : kStreams) {
    for (int i = 0; i < kMostReads; ++i) {
      has_room_.wait(lock, [this] { return has_room(); });
      if (!drain_pipe(stream)) break;
    }
  }
}

void OutputCapture::hold(std::optional<core::AttemptId> attempt, core::Stream stream, std::string_view bytes) {
  if (!attempt) return append(std::nullopt, stream, words_[index_of(stream)].take(bytes));
  running_.at(*attempt).printed.take(stream, bytes);
  append(attempt, stream, bytes);
}

void OutputCapture::end_lines() {
  for (const core::Stream stream : kStreams) append(std::nullopt, stream, words_[index_of(stream)].take_rest());
}

void OutputCapture::append(std::optional<core::AttemptId> attempt, core::Stream stream, std::string_view bytes) {
  if (bytes.empty()) return;
  if (held_.empty() || held_.back().attempt != attempt || held_.back().stream != stream)
    held_.push_back({attempt, stream, {}});
  held_.back().bytes += bytes;
  if (attempt) held_of_[*attempt] += bytes.size();
  if (num_held_ == 0) {
    const std::uint64_t one = 1;
    (void)!::write(event_.get(), &one, sizeof one);
  }
  num_held_ += bytes.size();
}

std::deque<OutputCapture::Chunk> OutputCapture::take_chunks(std::size_t budget) {
  std::deque<Chunk> taken;
  while (!held_.empty() && budget > 0) {
    Chunk& next = held_.front();
    const std::size_t num = std::min(budget, next.bytes.size());
    taken.push_back({next.attempt, next.stream, next.bytes.substr(0, num)});
    budget -= num;
    num_held_ -= num;
    if (next.attempt && (held_of_.at(*next.attempt) -= num) == 0) held_of_.erase(*next.attempt);
    next.bytes.erase(0, num);
    if (next.bytes.empty()) held_.pop_front();
  }
  if (num_held_ == 0) {
    std::uint64_t count = 0;
    (void)!::read(event_.get(), &count, sizeof count);
  }
  return taken;
}

// --- on the thread that constructed it --------------------------------------------------------

void OutputCapture::hand_over(const std::deque<Chunk>& chunks, AttemptHandler& handler) {
  for (const Chunk& chunk : chunks) {
    if (chunk.attempt)
      handler.on_output(*chunk.attempt, chunk.stream, chunk.bytes);
    else
      handler.on_words(chunk.stream, chunk.bytes);
  }
}

void OutputCapture::take(std::size_t budget, AttemptHandler& handler) {
  if (budget == 0) return;
  std::deque<Chunk> chunks;
  {
    const std::lock_guard lock(mutex_);
    drain_pipes();
    chunks = take_chunks(budget);
  }
  has_room_.notify_all();
  hand_over(chunks, handler);
}

void OutputCapture::take_rest(AttemptHandler& handler) {
  std::deque<Chunk> chunks;
  {
    const std::lock_guard lock(mutex_);
    is_closing_ = true;
    drain_pipes();
    end_lines();
    chunks = take_chunks(num_held_);
  }
  has_room_.notify_all();
  hand_over(chunks, handler);
}

bool OutputCapture::holds(core::AttemptId attempt) {
  const std::lock_guard lock(mutex_);
  return held_of_.contains(attempt);
}

void OutputCapture::stop_waiting() {
  {
    const std::lock_guard lock(mutex_);
    is_closing_ = true;
  }
  has_room_.notify_all();
}

}  // namespace drover::exec
