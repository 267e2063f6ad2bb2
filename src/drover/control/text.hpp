// Bytes in JSON, which can only hold UTF-8.
#pragma once

#include <optional>
#include <string>
#include <string_view>

namespace drover::control {

/// Whether the bytes are well-formed UTF-8 (RFC 3629: no surrogates, nothing overlong).
[[nodiscard]] bool is_utf8(std::string_view bytes);

/// RFC 4648, section 4, with padding.
[[nodiscard]] std::string encode_base64(std::string_view bytes);
/// None when `text` is not exactly that.
[[nodiscard]] std::optional<std::string> decode_base64(std::string_view text);

}  // namespace drover::control
