// Bytes in memory as what archives write to and read from.
#pragma once

#include <cstddef>
#include <span>
#include <streambuf>
#include <string>
#include <string_view>

namespace drover::support {

/// Appends to a string, which outlives it. What is large is copied once: there is room behind it for what is small.
class StringWriter : public std::streambuf {
 public:
  explicit StringWriter(std::string& out) : out_(out) {}

 protected:
  std::streamsize xsputn(const char* bytes, std::streamsize num) override {
    const auto size = static_cast<std::size_t>(num);
    if (out_.capacity() - out_.size() < size) out_.reserve(out_.size() + size + size / kRoomParts);
    out_.append(bytes, size);
    return num;
  }
  int_type overflow(int_type c) override {
    out_.push_back(traits_type::to_char_type(c));
    return c;
  }

 private:
  static constexpr std::size_t kRoomParts = 16;

  std::string& out_;
};

/// Reads from bytes that outlive it.
class SpanReader : public std::streambuf {
 public:
  explicit SpanReader(std::span<const char> bytes) {
    char* begin = const_cast<char*>(bytes.data());  // streambuf's get area is never written to
    setg(begin, begin, begin + bytes.size());
  }
  /// The next `num` bytes, of which there are so many.
  [[nodiscard]] std::string_view take(std::size_t num) {
    const std::string_view taken(gptr(), num);
    setg(eback(), gptr() + num, egptr());
    return taken;
  }
  [[nodiscard]] std::size_t num_left() const { return static_cast<std::size_t>(egptr() - gptr()); }
};

}  // namespace drover::support
