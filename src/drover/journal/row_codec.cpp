#include "drover/journal/row_codec.hpp"

#include <algorithm>

#include "drover/support/error.hpp"

namespace drover::journal {

namespace {

using namespace core;

struct Encoder {
  OutcomeColumns operator()(const Exited& exited) const { return {0, exited.code, {}}; }
  OutcomeColumns operator()(const Signaled& signaled) const { return {1, signaled.signal, {}}; }
  OutcomeColumns operator()(const TimedOut& timed_out) const { return {2, timed_out.signal, {}}; }
  OutcomeColumns operator()(const NotStarted& not_started) const {
    return {3, not_started.errno_value, not_started.reason};
  }
  OutcomeColumns operator()(const Killed&) const { return {4, 0, {}}; }
  // The name of a type has no newline; the text may.
  OutcomeColumns operator()(const Threw& threw) const { return {6, 1, threw.type + '\n' + threw.text}; }
};

constexpr unsigned kBytesPerMark = 4;

}  // namespace

OutcomeColumns encode_outcome(const Outcome& outcome) {
  return std::visit(Encoder{}, outcome);
}

Outcome decode_outcome(const OutcomeColumns& columns) {
  switch (columns.outcome) {
    case 0:
      return Exited{columns.code};
    case 1:
      return Signaled{columns.code};
    case 2:
      return TimedOut{columns.code};
    case 3:
      return NotStarted{columns.code, columns.reason};
    case 4:
      return Killed{};
    case 6: {
      const auto end_of_type = std::min(columns.reason.find('\n'), columns.reason.size());
      return Threw{columns.reason.substr(0, end_of_type),
                   columns.reason.substr(std::min(end_of_type + 1, columns.reason.size()))};
    }
    default:
      throw Error("the journal has an attempt with the unknown outcome " + std::to_string(columns.outcome));
  }
}

std::string encode_slot_marks(const std::vector<std::uint32_t>& marks) {
  std::string bytes;
  for (const std::uint32_t mark : marks)
    for (unsigned i = 0; i < kBytesPerMark; ++i) bytes += static_cast<char>((mark >> (8 * i)) & 0xFFU);
  return bytes;
}

std::vector<std::uint32_t> decode_slot_marks(std::string_view bytes) {
  std::vector<std::uint32_t> marks(bytes.size() / kBytesPerMark);
  for (std::size_t i = 0; i < marks.size() * kBytesPerMark; ++i)
    marks[i / kBytesPerMark] |= static_cast<std::uint32_t>(static_cast<unsigned char>(bytes[i]))
                                << (8 * (i % kBytesPerMark));
  return marks;
}

}  // namespace drover::journal
