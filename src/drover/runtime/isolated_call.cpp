// The function has the main thread. Another speaks for it: tells the worker which tasks it made and which values
// it wants, and it what became of them and whether it is still wanted.

#include "drover/runtime/isolated_call.hpp"

#include <poll.h>
#include <unistd.h>

#include <array>
#include <atomic>
#include <mutex>
#include <thread>
#include <utility>

#include "drover/exec/call_function.hpp"
#include "drover/exec/function_executor.hpp"
#include "drover/runtime/call_outlet.hpp"
#include "drover/runtime/message_stream.hpp"
#include "drover/support/printed.hpp"

namespace drover::runtime {

namespace {

class IsolatedCall {
 public:
  IsolatedCall(int connection, CallBoard& calls)
      : stream_(support::UniqueFd(connection)),
        calls_(calls),
        outlet_(calls, [this](const wire::Message& message) { stream_.send_all(message); }) {}

  void serve(const exec::FunctionTable& functions) {
    std::optional<wire::Message> first = stream_.await();
    if (!first || !std::holds_alternative<wire::Call>(*first)) return;
    const wire::Call call = std::get<wire::Call>(std::move(*first));
    exec::FunctionExecutor::WaitScope::tell([this](bool is_waiting) { tell_waiting(is_waiting); });
    std::thread([this] { speak(); }).detach();
    core::AttemptResult result = exec::call_function(functions, call.assignment, {call.slot, call.job_slot},
                                                     {call.worker, call.group, call.host}, is_cancelled_);
    support::flush_printed();
    const std::lock_guard lock(sending_);
    outlet_.push();  // what it said last goes before its end
    stream_.send_all(wire::Report{{}, {}, {std::move(result)}, {}, 0});
  }

 private:
  void tell_waiting(bool is_waiting) {
    const std::lock_guard lock(sending_);
    outlet_.push();  // it may be these that it waits for
    stream_.send_all(wire::Report{{}, {}, {}, {}, is_waiting ? 1U : 0U});
  }

  void speak() {
    while (true) {
      wait();
      while (auto message = stream_.receive()) take(*message);
      if (stream_.is_at_end()) ::_exit(1);
      const std::lock_guard lock(sending_);
      outlet_.push();
    }
  }

  void wait() {
    std::array polled{pollfd{stream_.fd(), POLLIN, 0}, pollfd{-1, POLLIN, 0}, pollfd{calls_.shelf().fd(), POLLIN, 0}};
    {
      const std::lock_guard lock(sending_);
      polled[1].fd = outlet_.fd();
    }
    (void)::poll(polled.data(), polled.size(), -1);
  }

  void take(wire::Message& message) {
    if (std::holds_alternative<wire::Kill>(message)) is_cancelled_ = true;
    if (const auto* ack = std::get_if<wire::SubmitAck>(&message)) {
      const std::lock_guard lock(sending_);
      outlet_.acknowledge(*ack);
    }
    if (auto* advanced = std::get_if<wire::Advanced>(&message))
      calls_.set_progress(advanced->number, {advanced->fraction, std::move(advanced->text)});
    if (auto* piece = std::get_if<wire::Piece>(&message)) calls_.shelf().add(std::move(*piece));
    auto* settled = std::get_if<wire::Settled>(&message);
    if (settled == nullptr) return;
    std::vector<CallBoard::Ended> ended;
    for (wire::SettledCall& call : settled->calls)
      ended.push_back({call.number, {call.how, std::move(call.outcome), call.num_attempts, std::move(call.value), ""}});
    calls_.end(std::move(ended));
  }

  MessageStream stream_;
  CallBoard& calls_;
  std::mutex sending_;
  CallOutlet outlet_;
  std::atomic<bool> is_cancelled_ = false;
};

}  // namespace

void serve_isolated_call(int connection, const exec::FunctionTable& functions, CallBoard& calls) {
  calls.part_from_parent();
  // Its other thread lives on until the process ends.
  (new IsolatedCall(connection, calls))->serve(functions);
}

}  // namespace drover::runtime
