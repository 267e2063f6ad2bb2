// Values that many tasks use. The session puts them on the shelf of the master; each process that executes tasks
// has a shelf of its own, to which a value comes when the first task there asks for it: once, and piece by piece.
//
// Thread-safe. Those who take a value wait until it is here; the loop never waits.
#pragma once

#include <condition_variable>
#include <functional>
#include <map>
#include <memory>
#include <mutex>
#include <span>
#include <string>
#include <string_view>
#include <typeindex>
#include <vector>

#include "drover/support/unique_fd.hpp"
#include "drover/wire/messages.hpp"

namespace drover::runtime {

class Shelf {
 public:
  Shelf();

  // --- for the code on the master ---

  /// There until it is removed. Its id tells its contents: the same in another session of the program, where a task
  /// that was submitted with it is known by its argument. Putting equal values again gives each an id of its own.
  [[nodiscard]] wire::ValueId put(std::string bytes);
  /// What has been loaded from it stays with those who have it.
  void remove(wire::ValueId id);

  // --- for tasks ---

  using Loader = std::function<std::shared_ptr<const void>(std::string_view bytes)>;
  /// The value, loaded once in this process and shared by all who take it. Waits until it is here. Throws
  /// UsageError when it was removed or is of another type, and exec::FunctionInterrupted when nothing comes
  /// any more.
  [[nodiscard]] std::shared_ptr<const void> take(wire::ValueId id, std::type_index type, const Loader& load);

  // --- for the loop ---

  /// Readable when take_wanted() has something.
  [[nodiscard]] int fd() const { return event_.get(); }
  /// What is to be asked for, of the next shelf on the way to the master's.
  [[nodiscard]] std::vector<wire::Fetch> take_wanted();
  /// Its answers, in the order of what was asked.
  void add(wire::Piece piece);

  /// Whether its pieces can be had here, or nowhere any more. If not, it is wanted now.
  [[nodiscard]] bool has(wire::ValueId id);
  /// The answer to one who asks here: on the master, or once has() is true.
  [[nodiscard]] wire::Piece piece(const wire::Fetch& fetch);

  /// Those that were removed since the last call.
  [[nodiscard]] std::vector<wire::ValueId> take_removed();
  /// They were, on the master.
  void release(std::span<const wire::ValueId> ids);

  /// Nothing comes any more.
  void close();

  /// In a process that was forked with a shelf that nobody used: makes it its own.
  void part_from_parent();

 private:
  struct Value {
    std::string bytes;             ///< what has come so far; gone once it is loaded
    std::uint64_t num_wanted = 0;  ///< bytes that have come or were asked for
    bool is_whole = false;
    bool is_removed = false;
    std::mutex loading;
    std::shared_ptr<const void> loaded;
    std::type_index type = typeid(void);
  };
  using ValuePtr = std::shared_ptr<Value>;

  ValuePtr find_or_want(wire::ValueId id);
  void want_more(wire::ValueId id, Value& value, std::uint64_t size);
  void drop(wire::ValueId id);

  support::UniqueFd event_;
  std::mutex mutex_;
  std::condition_variable changed_;
  std::map<wire::ValueId, ValuePtr> values_;
  std::vector<wire::Fetch> wanted_;
  std::vector<wire::ValueId> removed_;
  std::map<std::uint64_t, std::uint64_t> num_put_;  ///< how often each content
  bool is_closed_ = false;
};

}  // namespace drover::runtime
