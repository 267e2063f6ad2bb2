// Several calls of one function as one task, for functions that take next to nothing.
#pragma once

#include <cstddef>
#include <cstdint>
#include <optional>
#include <ranges>
#include <string>
#include <string_view>
#include <tuple>
#include <utility>
#include <vector>

#include "drover/farm/future.hpp"

namespace drover {

namespace detail {

/// The name under which a farm knows the function that executes a chunk of calls of another.
[[nodiscard]] std::string chunk_name(const std::string& name);

// The bytes of a chunk are those of its parts, each after its length.

/// Adds a part.
void append_part(std::string& bytes, std::string_view part);
/// Takes the next part off. Throws std::length_error when these are not the bytes of a chunk.
[[nodiscard]] std::string_view take_part(std::string_view& bytes);

/// The arguments of a range, serialized, so many at a time: a view for a single pass.
template <std::ranges::view Arguments, class ToBytes>
class ChunkView : public std::ranges::view_interface<ChunkView<Arguments, ToBytes>> {
 public:
  struct Chunk {
    std::string bytes;
    std::size_t first = 0;  ///< index of its first argument
    std::size_t size = 0;   ///< how many
  };

  class Iterator {
   public:
    using value_type = Chunk;
    using difference_type = std::ptrdiff_t;

    explicit Iterator(ChunkView& view) : view_(&view) {}
    const Chunk& operator*() const { return view_->chunk_; }
    Iterator& operator++() {
      view_->read();
      return *this;
    }
    void operator++(int) { ++*this; }
    [[nodiscard]] bool is_at_end() const { return view_->chunk_.size == 0; }
    friend bool operator==(const Iterator& it, std::default_sentinel_t) { return it.is_at_end(); }

   private:
    ChunkView* view_;
  };

  ChunkView(Arguments arguments, ToBytes to_bytes, std::size_t chunk_size)
      : arguments_(std::move(arguments)),
        to_bytes_(std::move(to_bytes)),
        chunk_size_(chunk_size > 0 ? chunk_size : 1) {}

  Iterator begin() {
    next_.emplace(std::ranges::begin(arguments_));
    read();
    return Iterator(*this);
  }
  [[nodiscard]] std::default_sentinel_t end() const { return {}; }

 private:
  void read() {
    chunk_ = {{}, chunk_.first + chunk_.size, 0};
    for (; chunk_.size < chunk_size_ && *next_ != std::ranges::end(arguments_); ++*next_, ++chunk_.size)
      append_part(chunk_.bytes, to_bytes_(**next_));
  }

  Arguments arguments_;
  ToBytes to_bytes_;
  std::size_t chunk_size_;
  std::optional<std::ranges::iterator_t<Arguments>> next_;
  Chunk chunk_;
};

}  // namespace detail

/// One of the tasks of a map_chunks(), ended.
template <class R>
class MappedChunk : public AnyFuture {
 public:
  /// For map_chunks().
  MappedChunk(AnyFuture future, std::size_t first, std::size_t size)
      : AnyFuture(std::move(future)), first_(first), size_(size) {}

  /// Index of its first argument, from 0.
  [[nodiscard]] std::size_t first() const { return first_; }
  /// How many arguments it has.
  [[nodiscard]] std::size_t size() const { return size_; }

  /// The results in the order of the arguments, each time anew; nothing when there are none. Throws as Future::get().
  auto get() const {
    std::string_view bytes = detail::result_bytes(board(), call());
    if constexpr (!std::is_void_v<R>) {
      std::vector<R> results(size_);
      for (auto&& result : results) result = detail::result_from<R>(detail::take_part(bytes));
      return results;
    }
  }

 private:
  std::size_t first_;
  std::size_t size_;
};

}  // namespace drover
