// Standard input that cannot be read twice, such as a pipe, kept in a file of the run as it is read.
//
// Bytes go from the pipe to the file inside the kernel (splice(2)), and are then read from there: a
// process that is killed in between has lost none, and whoever takes the run up again reads the file from
// its beginning. What is no pipe is copied; then a death may cost what was being copied.
#pragma once

#include <cstddef>
#include <cstdint>
#include <filesystem>
#include <span>

#include "drover/support/unique_fd.hpp"

namespace drover::cli {

/// The file is `DIR/stdin.part` until the end of the input has been seen, then `DIR/stdin`. Not thread-safe.
class StdinSpool {
 public:
  /// Opens it in the directory of a run, creating it if there is none. Throws Error.
  void open(const std::filesystem::path& run);
  [[nodiscard]] bool is_open() const { return static_cast<bool>(file_); }

  /// Whether a run has one, whole or not.
  [[nodiscard]] static bool is_in(const std::filesystem::path& run);
  /// Once nobody will want to read the input again.
  static void remove_from(const std::filesystem::path& run);

  /// The file has all of the input.
  [[nodiscard]] bool is_complete() const { return is_complete_; }

  /// Reads what the file has from `offset` on; 0: nothing more. Throws Error.
  [[nodiscard]] std::size_t read(std::uint64_t offset, std::span<char> to) const;

  /// Moves to the file what can be read from `fd`, waiting if there is nothing. Throws Error.
  void take_from(int fd);

 private:
  std::filesystem::path run_;
  support::UniqueFd file_;
  bool is_complete_ = false;
};

}  // namespace drover::cli
