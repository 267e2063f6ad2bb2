// The session steers its farm as any client does, over the control channel: what it asks for is answered by the
// master's loop in its turn, whatever thread asks. Each request has a connection of its own.

#include "drover/farm/session.hpp"

#include <chrono>
#include <utility>

#include "drover/control/control_client.hpp"
#include "drover/farm/errors.hpp"

namespace drover {

namespace {

/// How long the loop of this very process may say nothing.
constexpr std::chrono::seconds kPatience{30};

/// Talks to the master, which may come to its end meanwhile.
template <class Talk>
auto talk_to_master(const std::filesystem::path& run_dir, const Talk& talk) {
  try {
    control::ControlClient client(run_dir, kPatience);
    return talk(client);
  } catch (const control::Unreachable& e) {
    throw RunStopped(e.what());
  } catch (const control::RequestRefused& e) {
    if (e.code() == control::ErrorCode::run_over) throw RunStopped(e.what());
    throw;
  }
}

}  // namespace

Session::Session(std::shared_ptr<runtime::CallBoard> board, std::filesystem::path run_dir)
    : Submitter(std::move(board), core::kNormalPriority, 0), run_dir_(std::move(run_dir)) {}

FarmStatus Session::status() const {
  return talk_to_master(run_dir_, [](control::ControlClient& client) {
    return client.ask<FarmStatus>(control::Request(control::request::Status{}));
  });
}

std::vector<FarmGroup> Session::grow(std::uint32_t num_workers, const GrowOptions& options) {
  const control::request::ScaleAdd request{options.hosts, num_workers, options.slots_per_worker, options.via};
  return talk_to_master(run_dir_, [&](control::ControlClient& client) {
    client.send(control::Request(request));
    std::vector<FarmGroup> groups;
    bool has_more = true;
    while (has_more) {
      control::ReplyLine line = client.receive();
      has_more = line.has_more;
      if (std::holds_alternative<control::reply::Note>(line.reply)) continue;
      groups.push_back(control::ControlClient::expect<FarmGroup>(std::move(line.reply)));
    }
    return groups;
  });
}

FarmDrained Session::drain(const FarmPart& part, bool now) {
  return talk_to_master(run_dir_, [&](control::ControlClient& client) {
    client.send(control::Request(control::request::Drain{part, now, true}));
    (void)control::ControlClient::expect<control::reply::Draining>(client.receive().reply);
    return control::ControlClient::expect<FarmDrained>(client.receive().reply);
  });
}

}  // namespace drover
