// A command line on its way through a launcher of ranks (mpirun, srun), which is to read none of its words: both take
// a `:` among them for the beginning of another program, and Open MPI repeats them all in one variable, for which
// 128 kB are the limit. So the launcher is told to start a shell, which becomes the command.
//
// Shells pass on no variables whose names they cannot have, such as bash's exported functions: the command gets them
// all the same, as this process has them.
#pragma once

#include <string>
#include <vector>

#include "drover/support/unique_fd.hpp"

namespace drover::runtime {

/// For ranks on this host, whatever the length: the command is in memory of this process, and can be started as long
/// as the object lives. Move-only.
class SealedCommand {
 public:
  /// Throws drover::Error when there is no room for it.
  explicit SealedCommand(const std::vector<std::string>& command);

  /// The few words for the launcher.
  [[nodiscard]] const std::vector<std::string>& words() const { return words_; }

 private:
  support::UniqueFd script_;
  std::vector<std::string> words_;
};

/// For ranks on any host: the command is in the words themselves, where a launcher finds none that it knows.
[[nodiscard]] std::vector<std::string> sealed_words(const std::vector<std::string>& command);

}  // namespace drover::runtime
