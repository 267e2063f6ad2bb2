#include "drover/cli/output/presenter.hpp"

#include <fcntl.h>

#include <algorithm>
#include <optional>
#include <random>
#include <string>
#include <vector>

#include "drover/journal/output_store.hpp"
#include "support/catch.hpp"
#include "unit/journal/temporary_files.hpp"

using drover::cli::Chunk;
using drover::cli::Delivery;
using drover::cli::OutputSink;
using drover::cli::Presenter;
using drover::cli::PresenterOptions;
using drover::cli::TerminalLine;
using drover::core::AttemptId;
using drover::core::Stream;
using drover::core::TaskId;
using drover::journal::OutputLayout;
using drover::journal::OutputStore;
using drover::journal::StoredOutput;

namespace {

/// A presenter that writes to two files, and a store for what it prints.
class Stage {
 public:
  explicit Stage(const PresenterOptions& options) : presenter_(options, store_.reader(), out_, err_) {}

  Delivery delivery(std::uint64_t task, std::string out, std::string err = {}, std::uint32_t n = 1) {
    const AttemptId attempt{TaskId(task), n};
    store_.append(attempt, Stream::out, out);
    store_.append(attempt, Stream::err, err);
    const StoredOutput output = store_.commit(attempt);
    store_.flush();
    return {attempt, "tag" + std::to_string(task), output};
  }
  void deliver(std::uint64_t task, std::string out, std::string err = {}, std::uint32_t n = 1) {
    presenter_.deliver(delivery(task, std::move(out), std::move(err), n));
  }
  void show(std::uint64_t task, std::string bytes, std::uint32_t n = 1, Stream stream = Stream::out) {
    presenter_.show({{TaskId(task), n}, "tag" + std::to_string(task), stream, std::move(bytes)});
  }
  std::string out() {
    out_.flush();
    return drover::test::read_file(base_ / "out");
  }
  std::string err() {
    err_.flush();
    return drover::test::read_file(base_ / "err");
  }
  Presenter& presenter() { return presenter_; }

 private:
  drover::support::UniqueFd open(std::string_view name) {
    return drover::journal::open_file(base_ / name, O_WRONLY | O_CREAT);
  }

  drover::test::TemporaryDirectory base_;
  OutputStore store_{base_ / "outputs", OutputLayout::combined};
  drover::support::UniqueFd out_fd_ = open("out");
  drover::support::UniqueFd err_fd_ = open("err");
  TerminalLine no_line_{-1};
  OutputSink out_{out_fd_.get(), -1, no_line_};
  OutputSink err_{err_fd_.get(), -1, no_line_};
  Presenter presenter_;
};

}  // namespace

TEST_CASE("outputs are printed whole, each stream to its own place") {
  Stage stage({});
  stage.deliver(2, "two\n", "oops\n");
  stage.deliver(1, std::string("\0\xff binary, no newline", 21));
  stage.deliver(3, "three\n");
  CHECK(stage.out() == "two\n" + std::string("\0\xff binary, no newline", 21) + "three\n");
  CHECK(stage.err() == "oops\n");
}

TEST_CASE("with keep_order outputs come in the order of tasks, however they end") {
  constexpr std::uint64_t kTasks = 300;
  for (unsigned seed = 1; seed <= 5; ++seed) {
    Stage stage({.keep_order = true});
    std::vector<std::uint64_t> order(kTasks);
    std::string expected;
    for (std::uint64_t i = 0; i < kTasks; ++i) {
      order[i] = i + 1;
      if (order[i] % 3 != 0) expected += std::to_string(order[i]) + "\n";
    }
    std::shuffle(order.begin(), order.end(), std::mt19937(seed));
    for (const std::uint64_t task : order) stage.deliver(task, task % 3 != 0 ? std::to_string(task) + "\n" : "");
    CHECK(stage.out() == expected);
    CHECK(stage.presenter().num_held() == 0);
  }
}

TEST_CASE("with keep_order nothing is printed before its turn, and at the end what is left is") {
  Stage stage({.keep_order = true});
  stage.deliver(3, "3\n");
  stage.deliver(2, "2\n");
  CHECK(stage.out().empty());
  CHECK(stage.presenter().num_held() == 2);
  stage.presenter().finish();
  CHECK(stage.out() == "2\n3\n");
}

TEST_CASE("tags are put before lines as GNU parallel does") {
  // `parallel --tag printf %b ::: ...`
  struct Case {
    const char* output;
    const char* printed;
  };
  const auto c =
      GENERATE(Case{"", ""}, Case{"a\n", "tag1\ta\n"}, Case{"a\nb", "tag1\ta\ntag1\tb"},
               Case{"\n\nq", "tag1\t\ntag1\t\ntag1\tq"}, Case{"\n", "tag1\t\n"}, Case{"x\ty\n", "tag1\tx\ty\n"});
  Stage stage({.tag = true});
  stage.deliver(1, c.output, c.output);
  CHECK(stage.out() == c.printed);
  CHECK(stage.err() == c.printed);
}

TEST_CASE("a tag is not repeated within a line that is read in several blocks") {
  Stage stage({.tag = true});
  const std::string line(200'000, 'x');
  stage.deliver(1, line + "\n" + line);
  CHECK((stage.out() == "tag1\t" + line + "\ntag1\t" + line));
}

TEST_CASE("line_buffer shows whole lines as they come, and the rest at the end") {
  Stage stage({.line_buffer = true});
  stage.show(1, "one a, ");
  stage.show(2, "two a\ntwo b");
  CHECK(stage.out() == "two a\n");
  stage.show(1, "still a\n");
  CHECK(stage.out() == "two a\none a, still a\n");
  stage.show(2, " ends here");
  stage.show(2, "err\n", 1, Stream::err);
  CHECK(stage.err() == "err\n");
  stage.deliver(2, "two a\ntwo b ends here", "err\n");
  stage.deliver(1, "one a, still a\n");
  CHECK(stage.out() == "two a\none a, still a\ntwo b ends here");
  CHECK(stage.err() == "err\n");
}

TEST_CASE("line_buffer and tag") {
  Stage stage({.line_buffer = true, .tag = true});
  stage.show(1, "a");
  stage.show(2, "x\ny");
  stage.show(1, "b\n");
  stage.deliver(2, "x\ny");
  CHECK(stage.out() == "tag2\tx\ntag1\tab\ntag2\ty");
}

TEST_CASE("a very long line is passed on in pieces, with one tag") {
  Stage stage({.line_buffer = true, .tag = true});
  const std::string piece(40'000, 'x');
  stage.show(1, piece);
  CHECK(stage.out().empty());
  stage.show(1, piece);
  CHECK((stage.out() == "tag1\t" + piece + piece));
  stage.show(1, piece + "\nend\n");
  CHECK((stage.out() == "tag1\t" + piece + piece + piece + "\ntag1\tend\n"));
}

TEST_CASE("partial lines of very many attempts are bounded") {
  Stage stage({.line_buffer = true});
  const std::string piece(60'000, 'x');
  std::size_t num_given = 0;
  for (std::uint64_t task = 1; task <= 600; ++task) {
    stage.show(task, piece);
    num_given += piece.size();
    if (task % 60 == 0) REQUIRE(num_given - stage.out().size() <= (16U << 20));
  }
  for (std::uint64_t task = 1; task <= 600; ++task) stage.deliver(task, piece);
  CHECK(stage.out().size() == num_given);
}

TEST_CASE("an attempt that another replaces shows its whole lines only") {
  Stage stage({.line_buffer = true});
  stage.show(1, "first\npart");
  stage.show(1, "second\nend", 2);
  stage.show(1, "late\n", 1);
  CHECK(stage.out() == "first\nsecond\n");
  stage.deliver(1, "second\nend", "", 2);
  CHECK(stage.out() == "first\nsecond\nend");
}

TEST_CASE("an attempt that is replaced within a long line does not run into the next") {
  Stage stage({.line_buffer = true});
  const std::string piece(70'000, 'x');
  stage.show(1, piece);
  stage.show(1, "second\n", 2);
  CHECK((stage.out() == piece + "\nsecond\n"));
}

TEST_CASE("output of an attempt that was never shown live is printed from the store") {
  Stage stage({.line_buffer = true});
  stage.show(1, "first\npart");
  stage.deliver(1, "of the third\n", "", 3);
  stage.deliver(2, "no chunks\n");
  CHECK(stage.out() == "first\nof the third\nno chunks\n");
}

TEST_CASE("line_buffer with keep_order shows live only the task whose turn it is") {
  Stage stage({.line_buffer = true, .keep_order = true});
  stage.show(2, "2a\n");
  stage.show(1, "1a\n");
  CHECK(stage.out() == "1a\n");
  stage.show(3, "3a\n");
  stage.deliver(3, "3a\n3b");
  stage.show(1, "1z");
  stage.deliver(1, "1a\n1z");
  CHECK(stage.out() == "1a\n1z");
  stage.show(2, "2b\n");  // its turn now, but its beginning was not shown
  CHECK(stage.out() == "1a\n1z");
  stage.deliver(2, "2a\n2b\n");
  CHECK(stage.out() == "1a\n1z2a\n2b\n3a\n3b");
  stage.show(4, "4a\n");
  CHECK(stage.out() == "1a\n1z2a\n2b\n3a\n3b4a\n");
}
