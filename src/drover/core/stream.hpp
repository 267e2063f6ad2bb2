// The two output streams of a command.
#pragma once

#include <cstdint>

namespace drover::core {

enum class Stream : std::uint8_t { out, err };

}  // namespace drover::core
