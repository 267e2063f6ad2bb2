// Ends what attempts leave behind.
//
// A command may start processes that leave its process group: timeout(1), a shell with job control, a daemon. When
// their parents end, the kernel gives such orphans to this process, which adopts them; the environment with which each
// was started says which attempt it belongs to, and once that has ended, the orphan is ended too. What has given up
// that environment is nobody's, and lives on.
//
// Reading of another process may block, so that happens on a thread of its own. The methods are for one thread.
#pragma once

#include <memory>
#include <string>
#include <vector>

#include "drover/core/ids.hpp"

namespace drover::exec {

class Strays {
 public:
  /// From now on this process adopts the orphans among its descendants; somebody reaps them. `run_dir` is the one that
  /// attempts see. What this process has started before is no orphan.
  explicit Strays(std::string run_dir);
  /// Looks a last time, and waits a moment for that. All attempts have ended.
  ~Strays();
  Strays(const Strays&) = delete;
  Strays& operator=(const Strays&) = delete;

  /// Before its process is started.
  void begin(core::AttemptId attempt);
  /// This signal is for what the attempt has left behind so far as well.
  void signal(core::AttemptId attempt, int signal);
  /// Its process has ended.
  void end(core::AttemptId attempt);

  /// What could not be ended, a line each, since this was called last.
  [[nodiscard]] std::vector<std::string> take_remarks();

 private:
  struct Shared;
  static void serve(Shared& shared);
  static void look(Shared& shared);
  void want_look();

  std::shared_ptr<Shared> shared_;  ///< with the thread, which may be left behind
  bool has_thread_ = false;
};

}  // namespace drover::exec
