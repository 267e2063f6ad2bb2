#include <string>

#include "drover/cli/input/argument_reader.hpp"
#include "drover/support/error.hpp"
#include "support/catch.hpp"

using drover::cli::Columns;
using drover::cli::ColumnSplitter;

namespace {

Columns split(const std::string& colsep, const std::string& record) {
  return ColumnSplitter(colsep).split(record);
}

std::string refusal(const std::string& colsep) {
  try {
    const ColumnSplitter splitter(colsep);
  } catch (const drover::UsageError& e) {
    return e.what();
  }
  return "";
}

}  // namespace

TEST_CASE("columns are what is between the separators") {
  CHECK(ColumnSplitter(std::nullopt).split("a,b") == Columns{"a,b"});
  CHECK(split(",", "a,b") == Columns{"a", "b"});
  CHECK(split(",", ",a,,b,") == Columns{"", "a", "", "b"});
  CHECK(split(",", "") == Columns{""});
  CHECK(split(",", ",") == Columns{""});
  CHECK(split("\\s+", "a \t b") == Columns{"a", "b"});
  CHECK(split("[,;]| - ", "a,b;c - d") == Columns{"a", "b", "c", "d"});
  CHECK(split("x*", "axbc") == Columns{"", "a", "", "b", "c"});
}

TEST_CASE("columns may have any bytes, and so may separators") {
  CHECK(split(",", "\xff,\xc3\xa9,\xe9") == Columns{"\xff", "\xc3\xa9", "\xe9"});
  CHECK(split("[\xc3\xa9;]",
              "a\xc3\xa9"
              "b\xc3;c") == Columns{"a", "b\xc3", "c"});
  CHECK(split("\xff",
              "a\xff"
              "b") == Columns{"a", "b"});
}

TEST_CASE("a long record and a pattern that invites backtracking are split all the same") {
  const std::string blanks(1'000'000, ' ');
  CHECK(split("\\s+", "a" + blanks + "b") == Columns{"a", "b"});
  CHECK(split("(a+)+b", std::string(50'000, 'a')) == Columns{std::string(50'000, 'a')});
}

TEST_CASE("what RE2 does not know is refused by name") {
  CHECK(refusal("(a)\\1").find("--colsep '(a)\\1'") != std::string::npos);
  CHECK(refusal("(a)\\1").find("no back references and no look-around") != std::string::npos);
  CHECK(!refusal("a(?=b)").empty());
  CHECK(!refusal("(").empty());
  CHECK(refusal("a|b").empty());
}
