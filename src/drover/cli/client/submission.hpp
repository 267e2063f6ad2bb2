// Tasks on their way to a running master, and their results on the way back.
#pragma once

#include <chrono>
#include <cstdint>
#include <deque>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "drover/cli/output/printer.hpp"
#include "drover/cli/output/terminal_line.hpp"
#include "drover/control/control_client.hpp"
#include "drover/runtime/task_source.hpp"

namespace drover::cli {

struct SubmissionOptions {
  bool wait = false;  ///< for the results, and print the outputs
  bool tag = false;
};

/// Submits tasks portion by portion, the next once the master has taken the one before: that is the
/// back-pressure. One thread, beside that of the printer.
class Submission {
 public:
  /// `client` and `source` outlive this.
  Submission(SubmissionOptions options, control::ControlClient& client, runtime::TaskSource& source);

  /// Until all tasks are accepted, or with `wait` have ended and their outputs are printed. Throws what
  /// control::ControlClient and the source throw, and Error when outputs cannot be printed.
  void run();

  [[nodiscard]] const std::vector<control::TaskRange>& accepted() const { return accepted_; }
  [[nodiscard]] std::uint64_t num_accepted() const { return num_accepted_; }
  [[nodiscard]] std::uint64_t num_unsuccessful() const { return num_unsuccessful_; }
  /// The first few of those that did not succeed.
  [[nodiscard]] const std::vector<control::reply::TaskResult>& failures() const { return failures_; }
  /// Results that the master left out as they were not taken.
  [[nodiscard]] std::uint64_t num_missed() const { return num_missed_; }
  /// The reader of the outputs has had enough; the tasks go on.
  [[nodiscard]] bool is_reader_gone() const { return is_reader_gone_; }

 private:
  [[nodiscard]] bool is_done() const { return is_source_ended_ && portion_.empty() && num_open_ == 0; }
  void submit_more();
  void send_portion();
  void wait();
  void tell_of_wait();
  void take(control::ReplyLine line);
  void take(const control::reply::Submitted& submitted);
  void take(control::reply::TaskResult result);
  void start_printing(const control::reply::Submitted& submitted);
  void check_printing();
  void finish_printing();

  SubmissionOptions options_;
  control::ControlClient& client_;
  runtime::TaskSource& source_;
  bool is_source_ended_ = false;
  bool is_source_waiting_ = false;  ///< for its descriptor
  bool is_accepting_ = false;       ///< a portion is sent and has no numbers yet
  bool has_told_of_wait_ = false;
  std::chrono::steady_clock::time_point sent_at_;
  std::deque<core::TaskSpec> portion_;  ///< not sent yet
  std::size_t num_open_ = 0;            ///< requests without their last reply

  std::vector<control::TaskRange> accepted_;
  std::uint64_t num_accepted_ = 0;
  std::uint64_t num_unsuccessful_ = 0;
  std::uint64_t num_missed_ = 0;
  std::vector<control::reply::TaskResult> failures_;
  bool is_reader_gone_ = false;

  TerminalLine line_;
  std::unique_ptr<Printer> printer_;  ///< none before the first portion is accepted
};

}  // namespace drover::cli
