// Sending workers away when there is nobody to serve.
#pragma once

#include <set>
#include <string>

#include "drover/core/task.hpp"
#include "drover/transport/transport.hpp"

namespace drover::runtime {

/// Tells the workers to end what they execute and leave, and waits until all have said goodbye or
/// `grace` has passed. Whatever else they say is dropped.
void dismiss_workers(transport::Transport& transport, std::set<core::WorkerId> workers, const std::string& reason,
                     core::Duration grace);

}  // namespace drover::runtime
