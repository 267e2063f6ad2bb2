#include "drover/cli/client/submission.hpp"

#include <poll.h>

#include <algorithm>
#include <array>
#include <chrono>
#include <cstdio>
#include <utility>

#include "drover/cli/client/number_ranges.hpp"

namespace drover::cli {

namespace {

using namespace std::chrono_literals;

/// What JSON makes six times as long still fits into a line.
constexpr std::size_t kMostPortionBytes = 150'000;
constexpr std::size_t kMostPortionTasks = 2'000;
/// Beside these there is room for the request that is sent next and for a sign of life.
constexpr std::size_t kMostOpen = control::kMostOpenRequests - 2;
constexpr std::size_t kMostFailures = 5;
constexpr auto kLongestPause = 200ms;
constexpr auto kQuietWait = 3s;

}  // namespace

Submission::Submission(SubmissionOptions options, control::ControlClient& client, runtime::TaskSource& source)
    : options_(options), client_(client), source_(source), line_(-1) {}

void Submission::run() {
  while (!is_done() && !is_reader_gone_) {
    submit_more();
    if (!is_done()) wait();
    while (std::optional<control::ReplyLine> line = client_.receive(std::chrono::steady_clock::now()))
      take(std::move(*line));
    check_printing();
    tell_of_wait();
  }
  finish_printing();
}

void Submission::submit_more() {
  is_source_waiting_ = false;
  if (is_accepting_ || num_open_ >= kMostOpen) return;
  if (portion_.empty() && !is_source_ended_) {
    runtime::TaskSource::Batch batch = source_.pull(kMostPortionTasks);
    std::move(batch.tasks.begin(), batch.tasks.end(), std::back_inserter(portion_));
    is_source_ended_ = batch.state == runtime::TaskSource::State::end;
    is_source_waiting_ = portion_.empty() && batch.state == runtime::TaskSource::State::would_block;
  }
  if (!portion_.empty()) send_portion();
}

void Submission::send_portion() {
  control::request::Submit request;
  request.wait = options_.wait;
  for (std::size_t num_bytes = 0; !portion_.empty(); portion_.pop_front()) {
    num_bytes += portion_.front().payload.size() + portion_.front().tag.size();
    if (!request.tasks.empty() && num_bytes > kMostPortionBytes) break;
    request.tasks.push_back(std::move(portion_.front()));
  }
  client_.send(control::Request(std::move(request)));
  is_accepting_ = true;
  sent_at_ = std::chrono::steady_clock::now();
  ++num_open_;
}

/// Once: it goes on by itself.
void Submission::tell_of_wait() {
  if (has_told_of_wait_ || !is_accepting_ || std::chrono::steady_clock::now() - sent_at_ < kQuietWait) return;
  has_told_of_wait_ = true;
  std::fputs("drover: the queue of the run is full: waiting until some of its tasks have ended\n", stderr);
}

void Submission::wait() {
  std::array<pollfd, 2> polled{};
  polled[0] = {client_.fd(), static_cast<short>(POLLIN | (client_.wants_to_send() ? POLLOUT : 0)), 0};
  polled[1] = {is_source_waiting_ ? source_.wait_fd() : -1, POLLIN, 0};
  const bool can_pull = !is_accepting_ && num_open_ < kMostOpen && !is_source_ended_ && !is_source_waiting_;
  const auto pause = can_pull ? 0ms : kLongestPause;
  ::poll(polled.data(), polled.size(), static_cast<int>(pause.count()));
}

void Submission::take(control::ReplyLine line) {
  if (!line.has_more) --num_open_;
  if (auto* submitted = std::get_if<control::reply::Submitted>(&line.reply)) {
    take(*submitted);
  } else if (auto* result = std::get_if<control::reply::TaskResult>(&line.reply)) {
    take(std::move(*result));
  } else if (const auto* missed = std::get_if<control::reply::Missed>(&line.reply)) {
    num_missed_ += missed->num_replies;
  } else {
    num_unsuccessful_ +=
        control::ControlClient::expect<control::reply::SubmitEnd>(std::move(line.reply)).num_unsuccessful;
  }
}

void Submission::take(const control::reply::Submitted& submitted) {
  is_accepting_ = false;
  num_accepted_ += submitted.last.value - submitted.first.value + 1;
  append_range(accepted_, {submitted.first, submitted.last});
  if (options_.wait && !printer_) start_printing(submitted);
}

void Submission::take(control::reply::TaskResult result) {
  if (printer_)
    printer_->deliver({{result.task, result.attempt},
                       result.tag,
                       {{result.out.offset, result.out.length}, {result.err.offset, result.err.length}}});
  if (result.how != core::TaskEnd::succeeded && failures_.size() < kMostFailures)
    failures_.push_back(std::move(result));
}

void Submission::start_printing(const control::reply::Submitted& submitted) {
  PrinterOptions options;
  options.form.tag = options_.tag;
  printer_ = std::make_unique<Printer>(
      options,
      journal::OutputReader(submitted.output_dir, submitted.has_file_per_task ? journal::OutputLayout::per_task
                                                                              : journal::OutputLayout::combined),
      line_);
}

void Submission::check_printing() {
  if (!printer_) return;
  const std::optional<PrintFailure> failure = printer_->failure();
  if (failure && !failure->is_reader_gone) throw Error(failure->message);
  is_reader_gone_ = failure.has_value();
}

void Submission::finish_printing() {
  if (!printer_) return;
  while (!printer_->finish(kLongestPause)) {
  }
  check_printing();
}

}  // namespace drover::cli
