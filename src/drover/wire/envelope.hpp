// What surrounds every message: enough to tell a peer of another version, or damage, from a message.
#pragma once

#include <cstdint>
#include <span>
#include <string>

namespace drover::wire {

/// Raised whenever a message changes its form.
inline constexpr std::uint16_t kProtocolVersion = 3;

struct Opened {
  std::uint16_t type = 0;
  std::span<const char> body;
};

/// Number of bytes that seal() fills in at the front.
inline constexpr std::size_t kEnvelopeBytes = 24;

/// Completes `bytes`, whose first kEnvelopeBytes are still free, in place.
void seal(std::string& bytes, std::uint16_t type);

/// Throws DecodeError: too short, not drover's, another version, cut off, damaged.
[[nodiscard]] Opened open(std::span<const char> bytes);

}  // namespace drover::wire
