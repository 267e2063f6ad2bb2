#include "drover/cli/log_level.hpp"

#include <cstdlib>

#include "drover/support/error.hpp"

namespace drover::cli {

spdlog::level::level_enum parse_log_level(const std::string& text) {
  if (text == "info") return spdlog::level::info;
  if (text == "warn") return spdlog::level::warn;
  if (text == "error") return spdlog::level::err;
  throw UsageError("'" + text + "' is not info, warn or error");
}

spdlog::level::level_enum log_level_of_environment(spdlog::level::level_enum otherwise) {
  const char* text = std::getenv(kLogLevelVariable);
  try {
    return text != nullptr && *text != '\0' ? parse_log_level(text) : otherwise;
  } catch (const UsageError&) {
    return otherwise;  // whoever started this rank has complained
  }
}

}  // namespace drover::cli
