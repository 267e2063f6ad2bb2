// Threads that may be left behind, and that no signal of this process disturbs.
#pragma once

#include <pthread.h>

#include <csignal>
#include <system_error>
#include <thread>
#include <utility>

namespace drover::exec {

/// Starts a thread that nobody waits for: what it uses, it owns together with others. False when the system has no
/// room for one now.
template <class Body>
[[nodiscard]] bool start_quiet_thread(Body body) {
  sigset_t all;
  sigset_t before;
  sigfillset(&all);
  ::pthread_sigmask(SIG_SETMASK, &all, &before);
  bool has_started = true;
  try {
    std::thread(std::move(body)).detach();
  } catch (const std::system_error&) {
    has_started = false;
  }
  ::pthread_sigmask(SIG_SETMASK, &before, nullptr);
  return has_started;
}

}  // namespace drover::exec
