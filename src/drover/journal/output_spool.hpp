// Output of attempts that have not ended: it is not yet known whether it is to be kept.
#pragma once

#include <array>
#include <cstdint>
#include <filesystem>
#include <map>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "drover/core/ids.hpp"
#include "drover/core/stream.hpp"
#include "drover/journal/append_file.hpp"
#include "drover/support/unique_fd.hpp"

namespace drover::journal {

/// Holds short output in memory and the rest in one nameless file, cut into blocks: one descriptor
/// however many attempts write, and nothing to clean up after a crash. Blocks are used again, and the
/// file is emptied whenever none is in use. Memory: 16 KiB a stream, and 64 MiB in all (what comes
/// beyond that goes to the file at once). Not thread-safe.
class OutputSpool {
 public:
  /// What one stream has: `blocks`, filled up to `num_in_blocks` bytes, then `tail`.
  struct Content {
    std::vector<std::uint32_t> blocks;
    std::uint64_t num_in_blocks = 0;
    std::string tail;
  };
  /// Indexed by stream.
  using Contents = std::array<Content, 2>;

  /// The file is created in `directory` when it is first needed.
  explicit OutputSpool(std::filesystem::path directory);

  /// Throws Error if the file cannot be written.
  void append(core::AttemptId attempt, core::Stream stream, std::string_view bytes);

  /// Null if the attempt has written nothing.
  [[nodiscard]] const Contents* find(core::AttemptId attempt) const;

  /// Appends to `file` all that the stream has. Throws Error.
  void copy(const Content& content, AppendFile& file) const;

  /// Forgets the attempt, if it is known.
  void discard(core::AttemptId attempt);

 private:
  void spill(Content& content, std::string_view bytes);
  [[nodiscard]] std::uint32_t take_block();

  std::filesystem::path directory_;
  support::UniqueFd fd_;
  std::map<core::AttemptId, Contents> attempts_;
  std::uint64_t num_in_memory_ = 0;
  std::vector<std::uint32_t> free_blocks_;
  std::uint32_t num_blocks_ = 0;
};

}  // namespace drover::journal
