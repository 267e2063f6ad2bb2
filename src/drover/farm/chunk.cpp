#include "drover/farm/chunk.hpp"

#include <cstring>
#include <stdexcept>

namespace drover::detail {

std::string chunk_name(const std::string& name) {
  return name + "[]";
}

void append_part(std::string& bytes, std::string_view part) {
  const std::uint64_t size = part.size();
  bytes.append(reinterpret_cast<const char*>(&size), sizeof size);
  bytes.append(part);
}

std::string_view take_part(std::string_view& bytes) {
  std::uint64_t size = 0;
  if (bytes.size() < sizeof size) throw std::length_error("a chunk of calls has less parts than it should");
  std::memcpy(&size, bytes.data(), sizeof size);
  bytes.remove_prefix(sizeof size);
  if (bytes.size() < size) throw std::length_error("a part of a chunk of calls is cut short");
  const std::string_view part = bytes.substr(0, size);
  bytes.remove_prefix(size);
  return part;
}

}  // namespace drover::detail
