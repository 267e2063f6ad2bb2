// Carries bytes between a process's own streams and a socket.
#pragma once

namespace drover::runtime {

/// Copies what comes from `in` to `socket` and what comes from `socket` to `out`, until the other end of `socket` has
/// closed or nobody reads from `out` any more; then shuts it down, whoever else holds it. That `in` has ended is passed
/// on: the other end may still speak. Needs SIGPIPE ignored. Returns an errno, or 0.
[[nodiscard]] int pump(int in, int out, int socket);

}  // namespace drover::runtime
