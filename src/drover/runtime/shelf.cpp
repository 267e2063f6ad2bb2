// A value is fetched in pieces, the first by itself, and then a few at a time: however large it is and however many
// workers want it, no more than those are on their way to each.

#include "drover/runtime/shelf.hpp"

#include <sys/eventfd.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <utility>

#include "drover/exec/function_table.hpp"
#include "drover/support/digest.hpp"
#include "drover/support/error.hpp"

namespace drover::runtime {

namespace {

constexpr std::size_t kPieceBytes = 1U << 20;
constexpr std::size_t kMostPiecesOnTheirWay = 8;

}  // namespace

Shelf::Shelf() {
  part_from_parent();
}

void Shelf::part_from_parent() {
  event_.reset(::eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK));
  if (!event_) throw system_error("cannot watch for values that tasks want", errno);
}

wire::ValueId Shelf::put(std::string bytes) {
  const std::lock_guard lock(mutex_);
  support::Digest digest;
  digest.add(bytes);
  digest.add(++num_put_[digest.value()]);
  const wire::ValueId id(digest.value());
  ValuePtr& value = values_[id] = std::make_shared<Value>();
  value->bytes = std::move(bytes);
  value->is_whole = true;
  return id;
}

void Shelf::remove(wire::ValueId id) {
  const std::lock_guard lock(mutex_);
  drop(id);
  removed_.push_back(id);
}

std::shared_ptr<const void> Shelf::take(wire::ValueId id, std::type_index type, const Loader& load) {
  std::unique_lock lock(mutex_);
  const ValuePtr value = find_or_want(id);
  changed_.wait(lock, [&] { return value->is_whole || value->is_removed || is_closed_; });
  if (!value->is_whole && !value->is_removed) throw exec::FunctionInterrupted("this worker is leaving the run");
  if (!value->is_whole)
    throw UsageError(
        "the value was broadcast, but let go before this task used it: keep it until its tasks have ended");
  lock.unlock();
  const std::lock_guard loading(value->loading);
  if (!value->loaded) {
    value->loaded = load(value->bytes);
    value->type = type;
    value->bytes = {};
  }
  if (value->type != type) throw UsageError("a value that was broadcast is taken for one of another type");
  return value->loaded;
}

Shelf::ValuePtr Shelf::find_or_want(wire::ValueId id) {
  const auto [found, is_new] = values_.try_emplace(id);
  if (is_new) {
    found->second = std::make_shared<Value>();
    want_more(id, *found->second, kPieceBytes);
  }
  return found->second;
}

/// Of a value of that size.
void Shelf::want_more(wire::ValueId id, Value& value, std::uint64_t size) {
  const std::uint64_t end = std::min<std::uint64_t>(size, value.bytes.size() + kMostPiecesOnTheirWay * kPieceBytes);
  for (; value.num_wanted < end; value.num_wanted += kPieceBytes) wanted_.push_back({id, value.num_wanted});
  if (wanted_.empty()) return;
  const std::uint64_t one = 1;
  (void)!::write(event_.get(), &one, sizeof one);
}

std::vector<wire::Fetch> Shelf::take_wanted() {
  const std::lock_guard lock(mutex_);
  if (wanted_.empty()) return {};
  std::uint64_t count = 0;
  (void)!::read(event_.get(), &count, sizeof count);
  return std::exchange(wanted_, {});
}

void Shelf::add(wire::Piece piece) {
  const std::lock_guard lock(mutex_);
  const auto found = values_.find(piece.value);
  if (found == values_.end() || found->second->is_whole) return;  // released meanwhile
  Value& value = *found->second;
  value.is_removed = !piece.is_there;
  if (value.is_removed) return changed_.notify_all();
  if (value.bytes.empty()) value.bytes.reserve(piece.size);
  value.bytes.append(piece.bytes);
  value.is_whole = value.bytes.size() >= piece.size;
  if (value.is_whole)
    changed_.notify_all();
  else
    want_more(piece.value, value, piece.size);
}

bool Shelf::has(wire::ValueId id) {
  const std::lock_guard lock(mutex_);
  const ValuePtr value = find_or_want(id);
  return value->is_whole || value->is_removed;
}

wire::Piece Shelf::piece(const wire::Fetch& fetch) {
  const std::lock_guard lock(mutex_);
  const auto found = values_.find(fetch.value);
  if (found == values_.end() || !found->second->is_whole) return {fetch.value, false, 0, ""};
  const std::string& bytes = found->second->bytes;
  const std::size_t offset = std::min<std::size_t>(fetch.offset, bytes.size());
  return {fetch.value, true, bytes.size(), bytes.substr(offset, kPieceBytes)};
}

std::vector<wire::ValueId> Shelf::take_removed() {
  const std::lock_guard lock(mutex_);
  return std::exchange(removed_, {});
}

void Shelf::release(std::span<const wire::ValueId> ids) {
  const std::lock_guard lock(mutex_);
  for (const wire::ValueId id : ids) drop(id);
}

/// Those who wait for it hear that it will not come.
void Shelf::drop(wire::ValueId id) {
  const auto found = values_.extract(id);
  if (!found) return;
  found.mapped()->is_removed = true;
  changed_.notify_all();
}

void Shelf::close() {
  const std::lock_guard lock(mutex_);
  is_closed_ = true;
  changed_.notify_all();
}

}  // namespace drover::runtime
