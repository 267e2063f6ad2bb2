#include "drover/cli/input/record_reader.hpp"

#include <unistd.h>

#include <array>
#include <string>
#include <vector>

#include "drover/support/unique_fd.hpp"
#include "support/catch.hpp"

using drover::cli::RecordReader;
using drover::support::UniqueFd;

namespace {

/// The records of what comes by a pipe, whole or a byte at a time.
std::vector<std::string> records(const std::string& bytes, char delimiter, std::size_t step) {
  std::array<int, 2> ends{};
  REQUIRE(::pipe(ends.data()) == 0);
  const UniqueFd reading(ends[0]);
  UniqueFd writing(ends[1]);
  RecordReader reader(reading.get(), "pipe", delimiter);
  std::vector<std::string> found;
  std::string record;
  const auto take = [&] {
    while (reader.try_next(record) == RecordReader::State::record) found.push_back(record);
  };
  for (std::size_t at = 0; at < bytes.size(); at += step) {
    const std::string part = bytes.substr(at, step);
    REQUIRE(::write(writing.get(), part.data(), part.size()) == static_cast<ssize_t>(part.size()));
    take();
  }
  writing.reset();
  take();
  return found;
}

}  // namespace

TEST_CASE("a byte order mark in front of lines is passed over, and nowhere else") {
  const std::string mark = "\xEF\xBB\xBF";
  using Records = std::vector<std::string>;
  for (const std::size_t step : {std::size_t{1}, std::size_t{100}}) {
    CHECK(records(mark + "a\n" + mark + "b\n", '\n', step) == Records{"a", mark + "b"});
    CHECK(records(mark + "\nb", '\n', step) == Records{"", "b"});
    CHECK(records(mark + "a", '\n', step) == Records{"a"});
    CHECK(records(mark, '\n', step).empty());
    CHECK(records("\xEF\xBB", '\n', step) == Records{"\xEF\xBB"});
    CHECK(records(mark + std::string("a\0", 2), '\0', step) == Records{mark + "a"});
  }
}
