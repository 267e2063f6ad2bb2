#include "drover/cli/output/printer.hpp"

#include <pthread.h>
#include <sys/eventfd.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cerrno>
#include <csignal>
#include <exception>
#include <utility>

#include "drover/support/error.hpp"

namespace drover::cli {

namespace {

constexpr std::uint64_t kMaxQueued = 10'000;
constexpr std::uint64_t kMaxQueuedBytes = 8ULL << 20;
constexpr std::uint64_t kMaxHeld = 500'000;

support::UniqueFd make_stop_fd() {
  support::UniqueFd fd(::eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK));
  if (!fd) throw system_error("cannot create an eventfd for printing", errno);
  return fd;
}

bool are_same_file(int a, int b) {
  struct stat of_a {};
  struct stat of_b {};
  return ::fstat(a, &of_a) == 0 && ::fstat(b, &of_b) == 0 && of_a.st_dev == of_b.st_dev && of_a.st_ino == of_b.st_ino;
}

std::optional<OutputSink> make_separate_err(const PrinterOptions& options, int stop_fd, TerminalLine& line) {
  if (are_same_file(options.out_fd, options.err_fd)) return std::nullopt;
  return std::make_optional<OutputSink>(options.err_fd, stop_fd, line);
}

std::optional<PrintedMark> make_mark(const PrinterOptions& options) {
  if (options.mark.empty()) return std::nullopt;
  return std::make_optional<PrintedMark>(options.mark,
                                         PrintedPlace{options.form.index_end, options.form.first_task, {}});
}

PrintFailure write_failure(std::string_view stream, int errno_value) {
  return {system_error("cannot write to " + std::string(stream), errno_value).what(), errno_value == EPIPE};
}

std::uint64_t num_bytes(const std::variant<Delivery, Chunk, Words, std::string>& item) {
  if (const auto* chunk = std::get_if<Chunk>(&item)) return chunk->bytes.size();
  if (const auto* words = std::get_if<Words>(&item)) return words->bytes.size();
  const auto* text = std::get_if<std::string>(&item);
  return text == nullptr ? 0 : text->size();
}

}  // namespace

Printer::Printer(const PrinterOptions& options, journal::OutputReader reader, TerminalLine& line)
    : options_(options),
      stop_fd_(make_stop_fd()),
      out_(options.out_fd, stop_fd_.get(), line),
      separate_err_(make_separate_err(options, stop_fd_.get(), line)),
      mark_(make_mark(options)),
      presenter_(options.form, std::move(reader), out_, separate_err_ ? *separate_err_ : out_,
                 mark_ ? &*mark_ : nullptr) {
  if (mark_) {
    out_.on_written([this] { note_written(); });
    if (separate_err_) separate_err_->on_written([this] { note_written(); });
  }
  start_thread();
}

Printer::~Printer() {
  abandon();
}

void Printer::start_thread() {
  sigset_t all;
  sigset_t before;
  sigfillset(&all);
  ::pthread_sigmask(SIG_SETMASK, &all, &before);
  try {
    thread_ = std::thread([this] { run(); });
  } catch (...) {
    ::pthread_sigmask(SIG_SETMASK, &before, nullptr);
    throw;
  }
  ::pthread_sigmask(SIG_SETMASK, &before, nullptr);
}

void Printer::deliver(Delivery delivery) {
  const bool is_nothing = delivery.output.is_empty() && delivery.index_end == 0;
  if (options_.quiet || (is_nothing && !options_.form.keep_order && !options_.form.line_buffer)) return;
  if (!options_.form.tag) delivery.tag.clear();
  enqueue(std::move(delivery));
}

void Printer::chunk(core::AttemptId attempt, std::string_view tag, core::Stream stream, std::span<const char> bytes) {
  if (options_.quiet || !options_.form.line_buffer || bytes.empty()) return;
  num_queued_bytes_ += bytes.size();
  enqueue(Chunk{attempt, std::string(options_.form.tag ? tag : ""), stream, std::string(bytes.begin(), bytes.end())});
}

void Printer::words(std::string_view tag, core::Stream stream, std::span<const char> bytes) {
  if (options_.quiet || bytes.empty()) return;
  num_queued_bytes_ += bytes.size();
  enqueue(Words{std::string(options_.form.tag ? tag : ""), stream, std::string(bytes.begin(), bytes.end())});
}

void Printer::print(std::string_view text) {
  num_queued_bytes_ += text.size();
  enqueue(std::string(text));
}

void Printer::enqueue(Item item) {
  ++num_queued_;
  const std::lock_guard lock(mutex_);
  queue_.push_back(std::move(item));
  if (queue_.size() == 1) changed_.notify_all();
}

bool Printer::is_behind() const {
  return num_queued_ > kMaxQueued || num_queued_bytes_ > kMaxQueuedBytes;
}

bool Printer::is_holding_back() const {
  return num_held_ > kMaxHeld;
}

std::optional<PrintFailure> Printer::failure() const {
  const std::lock_guard lock(mutex_);
  return failure_;
}

bool Printer::finish(std::chrono::milliseconds timeout, Held held) {
  std::unique_lock lock(mutex_);
  is_closed_ = true;
  held_at_end_ = held;
  changed_.notify_all();
  return changed_.wait_for(lock, timeout, [&] { return is_done_; });
}

void Printer::abandon() {
  if (!thread_.joinable()) return;
  const std::uint64_t one = 1;
  // Cannot fail: the counter is far from its limit.
  [[maybe_unused]] const ssize_t written = ::write(stop_fd_.get(), &one, sizeof one);
  {
    const std::lock_guard lock(mutex_);
    is_closed_ = true;
    queue_.clear();
    changed_.notify_all();
  }
  thread_.join();
}

std::deque<Printer::Item> Printer::take() {
  std::unique_lock lock(mutex_);
  changed_.wait(lock, [&] { return !queue_.empty() || is_closed_; });
  return std::exchange(queue_, {});
}

void Printer::run() {
  for (auto items = take(); !items.empty(); items = take()) {
    for (Item& item : items) {
      guarded([&] { present(item); });
      num_queued_bytes_ -= num_bytes(item);
      --num_queued_;
      item = std::string();
    }
    // Once a batch, whatever its size: neither a system call for each item nor output that waits.
    guarded([&] { flush(); });
  }
  if (held_at_end_ == Held::print) {
    guarded([&] {
      presenter_.finish();
      flush();
    });
  }
  const std::lock_guard lock(mutex_);
  is_done_ = true;
  changed_.notify_all();
}

void Printer::present(Item& item) {
  if (auto* delivery = std::get_if<Delivery>(&item)) {
    presenter_.deliver(std::move(*delivery));
    num_held_ = presenter_.num_held();
  } else if (const auto* chunk = std::get_if<Chunk>(&item)) {
    presenter_.show(*chunk);
  } else if (const auto* words = std::get_if<Words>(&item)) {
    presenter_.show(*words);
  } else {
    out_.append(std::get<std::string>(item));
  }
}

void Printer::flush() {
  out_.flush();
  if (separate_err_) separate_err_->flush();
  if (mark_) note_written();
}

/// Lines of running tasks are in none that is printed again.
void Printer::note_written() {
  mark_->wrote({out_.num_written(), separate_err_ ? separate_err_->num_written() : 0}, !options_.form.line_buffer,
               {stream_end(options_.out_fd), stream_end(options_.err_fd)});
}

void Printer::guarded(const std::function<void()>& step) {
  if (!is_printing_) return;
  try {
    step();
  } catch (const std::exception& error) {
    return stop_printing(PrintFailure{error.what()});
  }
  if (const auto error = out_.error()) return stop_printing(write_failure("standard output", *error));
  if (!out_.is_open()) return stop_printing(std::nullopt);
  if (!separate_err_) return;
  if (const auto error = separate_err_->error()) return stop_printing(write_failure("standard error", *error));
  if (!separate_err_->is_open()) stop_printing(std::nullopt);
}

void Printer::stop_printing(std::optional<PrintFailure> failure) {
  is_printing_ = false;
  num_held_ = 0;
  const std::lock_guard lock(mutex_);
  failure_ = std::move(failure);
}

}  // namespace drover::cli
