#include "drover/cli/results.hpp"

#include "drover/support/error.hpp"

namespace drover::cli {

void Results::take_output(core::AttemptId attempt, std::string_view tag, core::Stream stream,
                          std::span<const char> bytes) {
  store_.append(attempt, stream, bytes);
  printer_.chunk(attempt, tag, stream, bytes);
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
