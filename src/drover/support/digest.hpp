// A digest of bytes by which equal contents are known again, also by another process.
#pragma once

#include <cstdint>
#include <cstring>
#include <string_view>

namespace drover::support {

/// 64 bits, well mixed: contents that differ have the same one by chance in 2^64 cases. Made to tell a program's
/// own data apart, not to withstand an adversary.
class Digest {
 public:
  void add(std::uint64_t word) { value_ = mixed(value_ ^ mixed(word)); }
  void add(std::string_view bytes) {
    add(bytes.size());
    for (; !bytes.empty(); bytes.remove_prefix(bytes.size() < kWordBytes ? bytes.size() : kWordBytes)) {
      std::uint64_t word = 0;
      std::memcpy(&word, bytes.data(), bytes.size() < kWordBytes ? bytes.size() : kWordBytes);
      add(word);
    }
  }

  [[nodiscard]] std::uint64_t value() const { return value_; }

 private:
  static constexpr std::size_t kWordBytes = sizeof(std::uint64_t);

  /// The finalizer of splitmix64 (Steele, Lea and Flood, 2014).
  static std::uint64_t mixed(std::uint64_t word) {
    word += 0x9E3779B97F4A7C15;
    word = (word ^ (word >> 30U)) * 0xBF58476D1CE4E5B9;
    word = (word ^ (word >> 27U)) * 0x94D049BB133111EB;
    return word ^ (word >> 31U);
  }

  std::uint64_t value_ = 0;
};

}  // namespace drover::support
