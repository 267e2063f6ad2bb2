// Bytes in memory as what archives write to and read from.
#pragma once

#include <cstddef>
#include <span>
#include <streambuf>
#include <string>

namespace drover::support {

/// Appends to a string, which outlives it.
class StringWriter : public std::streambuf {
 public:
  explicit StringWriter(std::string& out) : out_(out) {}

 protected:
  std::streamsize xsputn(const char* bytes, std::streamsize num) override {
    out_.append(bytes, static_cast<std::size_t>(num));
    return num;
  }
  int_type overflow(int_type c) override {
    out_.push_back(traits_type::to_char_type(c));
    return c;
  }

 private:
  std::string& out_;
};

/// Reads from bytes that outlive it.
class SpanReader : public std::streambuf {
 public:
  explicit SpanReader(std::span<const char> bytes) {
    char* begin = const_cast<char*>(bytes.data());  // streambuf's get area is never written to
    setg(begin, begin, begin + bytes.size());
  }
  [[nodiscard]] std::size_t num_left() const { return static_cast<std::size_t>(egptr() - gptr()); }
};

}  // namespace drover::support
