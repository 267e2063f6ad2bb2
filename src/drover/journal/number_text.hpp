// Numbers into text without streams: the journal formats some 100,000 facts a second.
#pragma once

#include <array>
#include <charconv>
#include <concepts>
#include <cstdint>
#include <string>

namespace drover::journal {

template <std::integral Int>
void append_number(std::string& text, Int value) {
  std::array<char, 24> digits;
  const auto end = std::to_chars(digits.data(), digits.data() + digits.size(), value).ptr;
  text.append(digits.data(), end);
}

/// `value`, in units of 10^-num_decimals, as a decimal fraction: 1234567 with 6 is `1.234567`.
inline void append_decimal(std::string& text, std::int64_t value, int num_decimals) {
  if (value < 0) text += '-';
  auto magnitude = value < 0 ? 0 - static_cast<std::uint64_t>(value) : static_cast<std::uint64_t>(value);
  std::array<char, 24> fraction;
  auto* first = fraction.data() + fraction.size();
  for (int i = 0; i < num_decimals; ++i, magnitude /= 10) *--first = static_cast<char>('0' + magnitude % 10);
  append_number(text, magnitude);
  text += '.';
  text.append(first, fraction.data() + fraction.size());
}

}  // namespace drover::journal
