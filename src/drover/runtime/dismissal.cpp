#include "drover/runtime/dismissal.hpp"

#include <spdlog/spdlog.h>

#include "drover/runtime/clock.hpp"
#include "drover/runtime/waiter.hpp"
#include "drover/wire/messages.hpp"

namespace drover::runtime {

namespace {

bool is_last_word(const transport::Incoming& incoming) {
  const auto* received = std::get_if<transport::Received>(&incoming);
  if (received == nullptr) return true;
  try {
    return std::holds_alternative<wire::Goodbye>(wire::decode(received->bytes.view()));
  } catch (const wire::DecodeError& e) {
    spdlog::error("worker {}: {}", received->from.value, e.what());
    return false;
  }
}

core::WorkerId speaker(const transport::Incoming& incoming) {
  if (const auto* received = std::get_if<transport::Received>(&incoming)) return received->from;
  return std::get<transport::PeerLost>(incoming).peer;
}

}  // namespace

void dismiss_workers(transport::Transport& transport, std::set<core::WorkerId> workers, const std::string& reason,
                     core::Duration grace) {
  for (const core::WorkerId worker : workers) transport.send(worker, wire::encode(wire::Drain{true, reason}));
  const core::Time deadline = now() + grace;
  Waiter waiter(now());
  while (!workers.empty() && now() < deadline) {
    while (const std::optional<transport::Incoming> incoming = transport.receive())
      if (is_last_word(*incoming)) workers.erase(speaker(*incoming));
    waiter.wait({}, now(), deadline, transport.traffic());
  }
}

}  // namespace drover::runtime
