#include "drover/cli/output/printed_mark.hpp"

#include <fcntl.h>

#include <fstream>

#include "support/catch.hpp"
#include "unit/journal/temporary_files.hpp"

using drover::cli::PrintedMark;
using drover::cli::PrintedPlace;
using drover::cli::read_printed;
using drover::cli::StreamBytes;
using drover::cli::StreamEnd;
using drover::cli::StreamEnds;
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

TEST_CASE("half an output is known again in the file that it was written to, and nowhere else") {
  const drover::test::TemporaryDirectory base;
  drover::test::write_file(base / "out", "half an out");
  drover::test::write_file(base / "err", "e");
  const auto end_of = [](const std::filesystem::path& path, int flags) {
    const drover::support::UniqueFd fd(::open(path.c_str(), O_WRONLY | flags));
    return drover::cli::stream_end(fd.get());
  };
  const StreamEnd out = end_of(base / "out", O_APPEND);
  const StreamEnd err = end_of(base / "err", O_APPEND);
  const StreamEnd none = end_of("/dev/null", O_APPEND);
  CHECK(out.length == 11);
  CHECK(end_of(base / "out", 0) == StreamEnd{});  // it would be written over
  CHECK(none == StreamEnd{});

  {
    PrintedMark mark(base / "printed", place(10));
    mark.wrote({6, 1}, true, {out, err});
  }
  const PrintedPlace there = read_printed(base / "printed").value();
  CHECK(there.ends == StreamEnds{out, err});
  CHECK(bytes_still_there(there, StreamEnds{out, err}) == StreamBytes{6, 1});
  CHECK(bytes_still_there(there, StreamEnds{out, none}) == StreamBytes{6, 0});
  CHECK(bytes_still_there(there, StreamEnds{err, out}) == StreamBytes{0, 0});
  drover::test::append_file(base / "out", "and more");
  const StreamEnds grown{end_of(base / "out", O_APPEND), err};
  CHECK(bytes_still_there(there, grown) == StreamBytes{0, 1});
  CHECK(bytes_still_there(place(10, 6, 1), StreamEnds{none, none}) == StreamBytes{0, 0});

  // Both went to one file, where the first has the bytes of both.
  PrintedPlace one = place(10, 7);
  one.ends = {out, out};
  CHECK(bytes_still_there(one, StreamEnds{out, out}) == StreamBytes{7, 0});
  CHECK(bytes_still_there(one, StreamEnds{out, err}) == StreamBytes{0, 0});
}

TEST_CASE("a mark of a session that printed nothing is one, and names no place") {
  const drover::test::TemporaryDirectory base;
  CHECK_FALSE(drover::cli::is_printed_mark(base / "printed"));
  drover::cli::note_nothing_is_printed(base / "printed");
  CHECK(drover::cli::is_printed_mark(base / "printed"));
  CHECK(!read_printed(base / "printed"));
  { const PrintedMark mark(base / "printed", place(10)); }
  CHECK(read_printed(base / "printed") == place(10));
  drover::cli::note_nothing_is_printed(base / "printed");
  CHECK(!read_printed(base / "printed"));
  drover::test::write_file(base / "printed", "rubbish");
  CHECK_FALSE(drover::cli::is_printed_mark(base / "printed"));
}
