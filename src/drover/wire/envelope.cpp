// Layout, little-endian as all machines of one MPI job are: magic (4), protocol version (2),
// type (2), length of the body (8), checksum of type and body (8), body.

#include "drover/wire/envelope.hpp"

#include <cstring>

#include "drover/wire/messages.hpp"

namespace drover::wire {

namespace {

constexpr std::uint32_t kMagic = 0x52565244;  // "DRVR"

struct Header {
  std::uint32_t magic = kMagic;
  std::uint16_t version = kProtocolVersion;
  std::uint16_t type = 0;
  std::uint64_t length = 0;
  std::uint64_t checksum = 0;
};
static_assert(sizeof(Header) == kEnvelopeBytes);

/// Not cryptographic: it finds accidents, at several GB/s. Mixing as in FNV, a word at a time.
std::uint64_t checksum(std::uint16_t type, std::span<const char> body) {
  constexpr std::uint64_t kPrime = 0x100000001b3ULL;
  std::uint64_t sum = 0xcbf29ce484222325ULL ^ type;
  const auto mix = [&sum](std::uint64_t word) {
    sum = (sum ^ word) * kPrime;
    sum ^= sum >> 29U;
  };
  std::size_t i = 0;
  for (; i + sizeof(std::uint64_t) <= body.size(); i += sizeof(std::uint64_t)) {
    std::uint64_t word = 0;
    std::memcpy(&word, body.data() + i, sizeof word);
    mix(word);
  }
  for (; i < body.size(); ++i) mix(static_cast<unsigned char>(body[i]));
  return sum;
}

}  // namespace

void seal(std::string& bytes, std::uint16_t type) {
  const std::span<const char> body = std::span<const char>(bytes).subspan(kEnvelopeBytes);
  const Header header{.type = type, .length = body.size(), .checksum = checksum(type, body)};
  std::memcpy(bytes.data(), &header, sizeof header);
}

Opened open(std::span<const char> bytes) {
  Header header;
  if (bytes.size() < sizeof header)
    throw DecodeError("message of " + std::to_string(bytes.size()) + " bytes is too short");
  std::memcpy(&header, bytes.data(), sizeof header);
  if (header.magic != kMagic) throw DecodeError("message is not drover's");
  if (header.version != kProtocolVersion)
    throw DecodeError("message has protocol version " + std::to_string(header.version) + ", expected " +
                      std::to_string(kProtocolVersion) + ": all ranks must run the same drover");
  const std::span<const char> body = bytes.subspan(sizeof header);
  if (header.length != body.size())
    throw DecodeError("message announces " + std::to_string(header.length) + " bytes and has " +
                      std::to_string(body.size()));
  if (header.checksum != checksum(header.type, body)) throw DecodeError("message is damaged (checksum)");
  return {header.type, body};
}

}  // namespace drover::wire
