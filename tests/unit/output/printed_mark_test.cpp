#include "drover/cli/output/printed_mark.hpp"

#include <fstream>

#include "support/catch.hpp"
#include "unit/journal/temporary_files.hpp"

using drover::cli::PrintedMark;
using drover::cli::PrintedPlace;
using drover::cli::read_printed;
using drover::core::TaskId;

namespace {

PrintedPlace place(std::uint64_t index_end, std::uint64_t out = 0, std::uint64_t err = 0) {
  return {index_end, TaskId(1), {out, err}};
}

}  // namespace

TEST_CASE("a mark says what has been written, not what has been appended") {
  const drover::test::TemporaryDirectory base;
  PrintedMark mark(base / "printed", place(10));
  CHECK(read_printed(base / "printed") == place(10));
  mark.reached(place(20), {100, 0});
  mark.reached(place(30), {200, 5});
  CHECK(read_printed(base / "printed") == place(10));
  mark.wrote({60, 0}, true);
  CHECK(read_printed(base / "printed") == place(10, 60));
  mark.wrote({130, 0}, true);
  CHECK(read_printed(base / "printed") == place(20, 30));
  // Standard error lags: what is on stdout of the next output counts from where this one began.
  mark.wrote({230, 0}, true);
  CHECK(read_printed(base / "printed") == place(20, 130));
  mark.wrote({230, 5}, true);
  CHECK(read_printed(base / "printed") == place(30, 30));
}

TEST_CASE("outputs that wrote nothing are passed with the one before them") {
  const drover::test::TemporaryDirectory base;
  PrintedMark mark(base / "printed", place(10));
  mark.reached(place(20), {0, 0});
  mark.wrote({0, 0}, true);
  CHECK(read_printed(base / "printed") == place(20));
  mark.reached(place(30), {7, 0});
  mark.reached(place(40), {7, 0});
  mark.wrote({7, 0}, true);
  CHECK(read_printed(base / "printed") == place(40));
}

TEST_CASE("part of an output does not count where it would not be printed in the same way again") {
  const drover::test::TemporaryDirectory base;
  PrintedMark mark(base / "printed", place(10));
  mark.wrote({60, 3}, false);
  CHECK(read_printed(base / "printed") == place(10));
}

TEST_CASE("a mark that is not there, or torn, says nothing; a shorter number leaves nothing of a longer one") {
  const drover::test::TemporaryDirectory base;
  CHECK(!read_printed(base / "printed"));
  std::ofstream(base / "printed") << "12 3";
  CHECK(!read_printed(base / "printed"));
  const PrintedMark long_one(base / "printed", place(123456789, 1000, 1000));
  const PrintedMark short_one(base / "printed", place(1));
  CHECK(read_printed(base / "printed") == place(1));
}
