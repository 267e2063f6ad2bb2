#include "drover/cli/results.hpp"

#include <spdlog/spdlog.h>

#include <algorithm>
#include <string>

#include "drover/support/error.hpp"

namespace drover::cli {

void Results::take_output(core::AttemptId attempt, std::string_view tag, core::Stream stream,
                          std::span<const char> bytes) {
  store_.append(attempt, stream, bytes);
  printer_.chunk(attempt, tag, stream, bytes);
}

void Results::take_words(core::WorkerId worker, core::Stream stream, std::span<const char> bytes) {
  const std::string who = "worker " + std::to_string(worker.value);
  std::string_view rest(bytes.data(), bytes.size());
  while (!rest.empty()) {
    const std::size_t length = std::min(rest.find('\n'), rest.size());
    spdlog::info("{} printed: {}", who, rest.substr(0, length));
    rest.remove_prefix(std::min(length + 1, rest.size()));
  }
  printer_.words(who, stream, bytes);
}

void Results::keep_outputs(std::span<const core::AttemptId> attempts) {
  for (const core::AttemptId attempt : attempts) {
    const journal::StoredOutput output = store_.commit(attempt);
    kept_.emplace(attempt, Kept{output, output.is_empty() ? 0 : store_.index_end()});
  }
  store_.flush();
}

void Results::deliver(const core::command::Deliver& delivery) {
  Kept kept;
  if (const auto found = kept_.extract(delivery.attempt)) kept = found.mapped();
  // With no attempt of its own, a task that ended still has its place in the order.
  const core::AttemptId attempt{delivery.task, delivery.attempt.n};
  const bool is_codes = functions_ != nullptr && functions_->deliver(delivery);
  const bool is_anothers = !is_codes && desk_.is_waited_for(delivery.owner);
  if (is_anothers) desk_.deliver(delivery, kept.output);
  printer_.deliver({attempt, delivery.tag, is_anothers ? journal::StoredOutput{} : kept.output, kept.index_end});
}

void Results::discard_output(core::AttemptId attempt) {
  store_.discard(attempt);
}

runtime::ResultSink::Pressure Results::pressure() const {
  if (const auto failure = printer_.failure(); failure && !failure->is_reader_gone) throw Error(failure->message);
  if (printer_.is_behind()) return Pressure::hold_dispatch;
  return printer_.is_holding_back() ? Pressure::hold_input : Pressure::none;
}

bool Results::is_reader_gone() const {
  const auto failure = printer_.failure();
  return failure && failure->is_reader_gone;
}

}  // namespace drover::cli
