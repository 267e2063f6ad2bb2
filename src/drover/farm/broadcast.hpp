// A value that many tasks use, as they are told of it.
#pragma once

#include <boost/serialization/access.hpp>
#include <cstdint>
#include <memory>
#include <utility>

#include "drover/farm/serialize.hpp"
#include "drover/runtime/call_board.hpp"

namespace drover {

/// What Session::broadcast() gives: a small thing that stands for the value, to be submitted with tasks, which
/// get the value by TaskContext::get(). Each worker fetches it once, when its first task asks. The value is
/// there until the last copy in the session is gone: keep one until the tasks that use it have ended.
template <class T>
class Broadcast {
 public:
  /// Of no value.
  Broadcast() = default;
  /// For the session: of a value on the board's shelf.
  Broadcast(std::shared_ptr<runtime::CallBoard> board, wire::ValueId id)
      : number_(id.value), keeper_(nullptr, [board = std::move(board), id](void*) { board->shelf().remove(id); }) {}

  /// The number by which workers know it.
  [[nodiscard]] wire::ValueId id() const { return wire::ValueId(number_); }

 private:
  friend class boost::serialization::access;
  template <class Archive>
  void serialize(Archive& ar, unsigned) {
    ar& number_;
  }

  std::uint64_t number_ = 0;
  std::shared_ptr<void> keeper_;  ///< in the session
};

}  // namespace drover
