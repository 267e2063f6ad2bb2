#include "drover/support/open_files.hpp"

#include <sys/resource.h>

#include <algorithm>
#include <charconv>
#include <cstdlib>
#include <string>
#include <string_view>

namespace drover::support {

namespace {

/// From one of drover's processes to those that it starts, and never to a task.
constexpr const char* kVariable = "DROVER_OPEN_FILES";
/// Enough for 4096 slots; programs that go through all possible descriptors still do so in no time.
constexpr rlim_t kMost = 65'536;

}  // namespace

void raise_open_files() {
  rlimit limit{};
  if (::getrlimit(RLIMIT_NOFILE, &limit) < 0) return;
  const rlim_t wanted = std::min(limit.rlim_max, kMost);
  if (limit.rlim_cur >= wanted) return;
  const std::string before = std::to_string(limit.rlim_cur);
  limit.rlim_cur = wanted;
  if (::setrlimit(RLIMIT_NOFILE, &limit) == 0) ::setenv(kVariable, before.c_str(), /*overwrite=*/0);
}

std::optional<std::uint64_t> users_open_files() {
  const char* text = std::getenv(kVariable);
  if (text == nullptr) return std::nullopt;
  std::uint64_t num = 0;
  const std::string_view digits(text);
  const auto parsed = std::from_chars(digits.data(), digits.data() + digits.size(), num);
  if (parsed.ec != std::errc() || parsed.ptr != digits.data() + digits.size()) return std::nullopt;
  return num;
}

}  // namespace drover::support
