// A program that the master or the supervisor runs beside the batch: ompi-server, a probe, the
// launcher of a group. Not for the commands of a batch (exec/).
#pragma once

#include <sys/types.h>

#include <string>
#include <vector>

#include "drover/core/task.hpp"
#include "drover/support/unique_fd.hpp"

namespace drover::runtime {

/// Owns the process: it and its process group end with this object, and with the thread that started
/// it, however that ends. Move-only. Nothing blocks but the destructor, for a moment.
class ChildProcess {
 public:
  struct Options {
    std::vector<std::string> command;  ///< looked for in PATH
    std::vector<std::string> unset;    ///< beginnings of names of variables it is not to see
    std::vector<std::string> env;      ///< `NAME=value`, added or replaced
    int channel = -1;                  ///< its standard input and output; -1: no input, and the output is kept
    bool shares_errors = false;        ///< its standard error is this process's, and not kept
    bool has_own_session = false;      ///< not only a process group: no terminal can stop or signal what it starts
    core::Duration end_grace = std::chrono::seconds(2);  ///< between SIGTERM and SIGKILL
  };

  /// Starts it. Throws drover::Error when it cannot be started.
  explicit ChildProcess(const Options& options);
  ChildProcess(ChildProcess&&) noexcept = default;
  ChildProcess& operator=(ChildProcess&& other) noexcept;
  ~ChildProcess();

  /// Readable when there is output, or once it has ended.
  [[nodiscard]] std::vector<int> fds() const { return {output_fds_[0].get(), output_fds_[1].get(), process_fd_.get()}; }

  /// Takes in what it wrote and whether it has ended.
  void poll();

  [[nodiscard]] bool has_ended() const { return has_ended_; }
  /// What waitpid() said; 0 when somebody else has reaped it. Once it has ended.
  [[nodiscard]] int wait_status() const { return wait_status_; }
  /// The last that it wrote to its standard streams, bounded.
  [[nodiscard]] const std::string& output() const { return output_; }
  [[nodiscard]] pid_t pid() const { return pid_; }

  /// To its whole process group.
  void signal(int number) const;

 private:
  void end();

  pid_t pid_ = -1;
  core::Duration end_grace_{};
  support::UniqueFd process_fd_;
  std::vector<support::UniqueFd> output_fds_;
  std::string output_;
  bool has_ended_ = false;
  int wait_status_ = 0;
};

/// Blocks until it has ended, for `limit` at most; false when it has not.
bool wait_for_end(ChildProcess& process, core::Duration limit);

/// "exit status 1", "killed by signal 9".
[[nodiscard]] std::string describe_wait_status(int wait_status);

}  // namespace drover::runtime
