#include "drover/control/text.hpp"

#include <array>
#include <cstdint>

namespace drover::control {

namespace {

constexpr std::string_view kAlphabet = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
constexpr std::uint8_t kNoDigit = 0xff;

constexpr std::array<std::uint8_t, 256> digit_values() {
  std::array<std::uint8_t, 256> values{};
  values.fill(kNoDigit);
  for (std::size_t i = 0; i < kAlphabet.size(); ++i)
    values[static_cast<unsigned char>(kAlphabet[i])] = static_cast<std::uint8_t>(i);
  return values;
}
constexpr std::array<std::uint8_t, 256> kDigits = digit_values();

/// A lead byte: how many bytes follow, and what the first of them may be.
struct Lead {
  std::size_t num_more;
  unsigned char low = 0x80;
  unsigned char high = 0xbf;
};

std::optional<Lead> lead_of(unsigned char byte) {
  if (byte < 0x80) return Lead{0};
  if (byte >= 0xc2 && byte <= 0xdf) return Lead{1};
  if (byte == 0xe0) return Lead{2, 0xa0};
  if (byte == 0xed) return Lead{2, 0x80, 0x9f};
  if (byte >= 0xe1 && byte <= 0xef) return Lead{2};
  if (byte == 0xf0) return Lead{3, 0x90};
  if (byte >= 0xf1 && byte <= 0xf3) return Lead{3};
  if (byte == 0xf4) return Lead{3, 0x80, 0x8f};
  return std::nullopt;
}

}  // namespace

bool is_utf8(std::string_view bytes) {
  for (std::size_t i = 0; i < bytes.size();) {
    const std::optional<Lead> lead = lead_of(static_cast<unsigned char>(bytes[i++]));
    if (!lead || bytes.size() - i < lead->num_more) return false;
    for (std::size_t k = 0; k < lead->num_more; ++k) {
      const auto byte = static_cast<unsigned char>(bytes[i++]);
      if (byte < (k == 0 ? lead->low : 0x80) || byte > (k == 0 ? lead->high : 0xbf)) return false;
    }
  }
  return true;
}

std::string encode_base64(std::string_view bytes) {
  std::string text;
  text.reserve((bytes.size() + 2) / 3 * 4);
  std::uint32_t bits = 0;
  int num_bits = 0;
  for (const char c : bytes) {
    bits = bits << 8 | static_cast<unsigned char>(c);
    for (num_bits += 8; num_bits >= 6; num_bits -= 6) text += kAlphabet[bits >> (num_bits - 6) & 0x3f];
  }
  if (num_bits > 0) text += kAlphabet[bits << (6 - num_bits) & 0x3f];
  while (text.size() % 4 != 0) text += '=';
  return text;
}

std::optional<std::string> decode_base64(std::string_view text) {
  if (text.size() % 4 != 0) return std::nullopt;
  for (int i = 0; i < 2 && text.ends_with('='); ++i) text.remove_suffix(1);
  std::string bytes;
  bytes.reserve(text.size() / 4 * 3);
  std::uint32_t bits = 0;
  int num_bits = 0;
  for (const char c : text) {
    const std::uint8_t value = kDigits[static_cast<unsigned char>(c)];
    if (value == kNoDigit) return std::nullopt;
    bits = bits << 6 | value;
    num_bits += 6;
    if (num_bits < 8) continue;
    num_bits -= 8;
    bytes += static_cast<char>(bits >> num_bits & 0xff);
  }
  // One digit alone is no byte, and the bits behind the last byte are zero.
  if (num_bits == 6 || (bits & ((1U << num_bits) - 1)) != 0) return std::nullopt;
  return bytes;
}

}  // namespace drover::control
