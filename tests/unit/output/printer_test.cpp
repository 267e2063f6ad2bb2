#include "drover/cli/output/printer.hpp"

#include <fcntl.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <unistd.h>

#include <array>
#include <chrono>
#include <string>
#include <thread>

#include "drover/journal/output_store.hpp"
#include "support/catch.hpp"
#include "unit/journal/temporary_files.hpp"

using namespace std::chrono_literals;
using drover::cli::Printer;
using drover::cli::PrinterOptions;
using drover::cli::TerminalLine;
using drover::core::AttemptId;
using drover::core::Stream;
using drover::core::TaskId;
using drover::journal::OutputLayout;
using drover::journal::OutputStore;
using drover::journal::StoredOutput;
using drover::support::UniqueFd;

namespace {

/// Far beyond what anything here takes; a test that waits so long has failed.
constexpr auto kDeadline = 30s;

struct Pipe {
  Pipe() {
    std::array<int, 2> fds{};
    REQUIRE(::pipe2(fds.data(), O_CLOEXEC) == 0);
    reader.reset(fds[0]);
    writer.reset(fds[1]);
  }
  UniqueFd reader;
  UniqueFd writer;
};

std::string read_all(int fd) {
  std::string all;
  std::array<char, 8192> block;
  for (ssize_t n = 0; (n = ::read(fd, block.data(), block.size())) > 0;)
    all.append(block.data(), static_cast<std::size_t>(n));
  return all;
}

template <class Condition>
bool eventually(Condition condition) {
  const auto deadline = std::chrono::steady_clock::now() + kDeadline;
  while (!condition()) {
    if (std::chrono::steady_clock::now() > deadline) return false;
    std::this_thread::sleep_for(1ms);
  }
  return true;
}

class Outputs {
 public:
  void put(Printer& printer, std::uint64_t task, const std::string& out, const std::string& err = {}) {
    const AttemptId attempt{TaskId(task), 1};
    store_.append(attempt, Stream::out, out);
    store_.append(attempt, Stream::err, err);
    const StoredOutput output = store_.commit(attempt);
    store_.flush();
    printer.deliver({attempt, "tag", output});
  }
  [[nodiscard]] Printer printer(int out_fd, int err_fd, PrinterOptions options = {}) {
    options.out_fd = out_fd;
    options.err_fd = err_fd;
    return {options, store_.reader(), line_};
  }

 private:
  drover::test::TemporaryDirectory base_;
  OutputStore store_{base_ / "outputs", OutputLayout::combined};
  TerminalLine line_{-1};
};

}  // namespace

TEST_CASE("what is delivered arrives, each stream at its descriptor") {
  Outputs outputs;
  Pipe out;
  Pipe err;
  {
    Printer printer = outputs.printer(out.writer.get(), err.writer.get());
    outputs.put(printer, 1, "one\n", "warning\n");
    printer.print("{\"text\":1}\n");
    outputs.put(printer, 2, "two\n");
    CHECK(printer.finish(kDeadline));
    CHECK_FALSE(printer.failure());
    CHECK_FALSE(printer.is_behind());
  }
  out.writer.reset();
  err.writer.reset();
  CHECK(read_all(out.reader.get()) == "one\n{\"text\":1}\ntwo\n");
  CHECK(read_all(err.reader.get()) == "warning\n");
}

TEST_CASE("where both streams are one file, a task's stdout comes before its stderr") {
  Outputs outputs;
  Pipe both;
  const UniqueFd copy(::dup(both.writer.get()));
  const std::string stall(300'000, '.');  // more than a pipe holds: what follows is printed in one go
  std::string got;
  std::thread reader;
  {
    Printer printer = outputs.printer(both.writer.get(), copy.get());
    printer.print(stall);
    outputs.put(printer, 1, "o1\n", "e1\n");
    outputs.put(printer, 2, "o2\n", "e2\n");
    reader = std::thread([&] {
      std::array<char, 4096> block;
      while (got.size() < stall.size() + 12) {
        const ssize_t n = ::read(both.reader.get(), block.data(), block.size());
        if (n <= 0) break;
        got.append(block.data(), static_cast<std::size_t>(n));
      }
    });
    CHECK(printer.finish(kDeadline));
  }
  reader.join();
  CHECK((got == stall + "o1\ne1\no2\ne2\n"));
}

TEST_CASE("output appears without waiting for more of it") {
  Outputs outputs;
  Pipe out;
  Printer printer = outputs.printer(out.writer.get(), out.writer.get());
  outputs.put(printer, 1, "one\n");
  std::array<char, 4> block;
  CHECK(::read(out.reader.get(), block.data(), block.size()) == 4);
}

TEST_CASE("quiet prints no outputs") {
  Outputs outputs;
  Pipe out;
  {
    Printer printer =
        outputs.printer(out.writer.get(), out.writer.get(), {.form = {.line_buffer = true}, .quiet = true});
    outputs.put(printer, 1, "one\n");
    printer.chunk({TaskId(2), 1}, "", Stream::out, std::string("two\n"));
    printer.print("text\n");
    CHECK(printer.finish(kDeadline));
  }
  out.writer.reset();
  CHECK(read_all(out.reader.get()) == "text\n");
}

TEST_CASE("nobody waits for a reader that does not read, and in the end it gets everything") {
  const bool is_nonblocking = GENERATE(false, true);
  Outputs outputs;
  Pipe out;
  if (is_nonblocking) ::fcntl(out.writer.get(), F_SETFL, O_NONBLOCK);
  std::string expected;
  std::string got;
  std::thread reader;
  {
    Printer printer = outputs.printer(out.writer.get(), out.writer.get());
    for (std::uint64_t task = 1; !printer.is_behind() && task < 200'000; ++task) {
      const std::string output = std::to_string(task) + std::string(task % 100, '.') + "\n";
      expected += output;
      outputs.put(printer, task, output);  // returns at once: nobody reads yet
    }
    CHECK(printer.is_behind());
    CHECK_FALSE(printer.finish(1ms));
    reader = std::thread([&] { got = read_all(out.reader.get()); });
    CHECK(printer.finish(kDeadline));
    CHECK_FALSE(printer.is_behind());
    CHECK_FALSE(printer.failure());
  }
  out.writer.reset();
  reader.join();
  CHECK((got == expected));
}

TEST_CASE("a blocking descriptor that others share stays blocking") {
  Outputs outputs;
  Pipe out;
  Printer printer = outputs.printer(out.writer.get(), out.writer.get());
  outputs.put(printer, 1, "one\n");
  CHECK(printer.finish(kDeadline));
  CHECK((::fcntl(out.writer.get(), F_GETFL) & O_NONBLOCK) == 0);
}

TEST_CASE("chunks that nobody reads make the printer fall behind") {
  Outputs outputs;
  Pipe out;
  const std::string chunk = std::string(65'535, 'x') + "\n";
  std::size_t num_chunks = 0;
  std::string got;
  std::thread reader;
  {
    Printer printer = outputs.printer(out.writer.get(), out.writer.get(), {.form = {.line_buffer = true}});
    for (; !printer.is_behind() && num_chunks < 1000; ++num_chunks) {
      printer.chunk({TaskId(1), 1}, "", Stream::out, chunk);
    }
    CHECK(printer.is_behind());
    reader = std::thread([&] { got = read_all(out.reader.get()); });
    CHECK(eventually([&] { return !printer.is_behind(); }));
    CHECK(printer.finish(kDeadline));
  }
  out.writer.reset();
  reader.join();
  CHECK(got.size() == num_chunks * chunk.size());
}

TEST_CASE("a stalled reader does not keep the printer from being abandoned") {
  Outputs outputs;
  std::array<int, 2> sockets{};
  REQUIRE(::socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, sockets.data()) == 0);
  const UniqueFd near(sockets[0]);
  const UniqueFd far(sockets[1]);
  const Pipe pipe;
  const int fd = GENERATE_COPY(values({0, 1})) == 0 ? pipe.writer.get() : near.get();
  Printer printer = outputs.printer(fd, fd);
  outputs.put(printer, 1, std::string(4'000'000, 'x'));
  CHECK_FALSE(printer.finish(50ms));
  printer.abandon();
  CHECK_FALSE(printer.failure());
  CHECK(printer.finish(kDeadline));
  outputs.put(printer, 2, "dropped");
}

TEST_CASE("a reader that has gone is told from an error, and no signal ends the process") {
  Outputs outputs;
  Pipe out;
  Pipe err;
  Printer printer = outputs.printer(out.writer.get(), err.writer.get());
  SECTION("gone from the beginning") {
    out.reader.reset();
  }
  SECTION("gone in the middle") {
    outputs.put(printer, 1, std::string(1'000'000, 'x'));
    std::array<char, 100> block;
    REQUIRE(::read(out.reader.get(), block.data(), block.size()) == 100);
    out.reader.reset();
  }
  for (std::uint64_t task = 2; task < 30'000; ++task) outputs.put(printer, task, "more\n");
  CHECK(printer.finish(kDeadline));
  REQUIRE(printer.failure());
  CHECK(printer.failure()->is_reader_gone);
  CHECK(printer.failure()->message == "cannot write to standard output: Broken pipe");
  CHECK_FALSE(printer.is_behind());
}

TEST_CASE("a pipe without reader at the start is a reader that has gone") {
  Outputs outputs;
  Pipe out;
  out.reader.reset();
  Printer printer = outputs.printer(out.writer.get(), out.writer.get());
  outputs.put(printer, 1, "one\n");
  CHECK(eventually([&] { return printer.failure().has_value(); }));
  CHECK(printer.failure()->is_reader_gone);
}

TEST_CASE("a full disk behind stdout is an error that says so") {
  Outputs outputs;
  const UniqueFd full(::open("/dev/full", O_WRONLY | O_CLOEXEC));
  const Pipe err;
  Printer printer = outputs.printer(full.get(), err.writer.get());
  outputs.put(printer, 1, "one\n", "");
  CHECK(printer.finish(kDeadline));
  REQUIRE(printer.failure());
  CHECK_FALSE(printer.failure()->is_reader_gone);
  CHECK(printer.failure()->message == "cannot write to standard output: No space left on device");
}

TEST_CASE("a full disk behind stderr is named as that") {
  Outputs outputs;
  const UniqueFd full(::open("/dev/full", O_WRONLY | O_CLOEXEC));
  Pipe out;
  Printer printer = outputs.printer(out.writer.get(), full.get());
  outputs.put(printer, 1, "one\n", "error\n");
  CHECK(printer.finish(kDeadline));
  REQUIRE(printer.failure());
  CHECK(printer.failure()->message == "cannot write to standard error: No space left on device");
}

TEST_CASE("stored output that cannot be read is an error, not silence") {
  Outputs outputs;
  Pipe out;
  Printer printer = outputs.printer(out.writer.get(), out.writer.get());
  printer.deliver({{TaskId(1), 1}, "", {{0, 1'000'000}, {}}});
  CHECK(printer.finish(kDeadline));
  REQUIRE(printer.failure());
  CHECK_THAT(printer.failure()->message, Catch::Matchers::Matches(".*shorter than was recorded.*"));
}

TEST_CASE("held-back outputs ask for no more input, and do not count as behind") {
  Outputs outputs;
  Pipe out;
  Printer printer = outputs.printer(out.writer.get(), out.writer.get(), {.form = {.keep_order = true}});
  for (std::uint64_t task = 2; task <= 500'002; ++task) {
    printer.deliver({{TaskId(task), 0}, "", {}});
    if (task == 500'001) {
      CHECK(eventually([&] { return !printer.is_behind(); }));
      CHECK_FALSE(printer.is_holding_back());
    }
  }
  CHECK(eventually([&] { return printer.is_holding_back() && !printer.is_behind(); }));
  outputs.put(printer, 1, "first\n");
  CHECK(eventually([&] { return !printer.is_holding_back(); }));
  CHECK(printer.finish(kDeadline));
}

TEST_CASE("large outputs are copied in blocks and intact") {
  Outputs outputs;
  Pipe out;
  const std::size_t size = 20'000'000;
  std::string bytes(size, '\0');
  for (std::size_t i = 0; i < size; ++i) bytes[i] = static_cast<char>(i * 2654435761U >> 13);
  std::string got;
  std::thread reader([&] { got = read_all(out.reader.get()); });
  {
    Printer printer = outputs.printer(out.writer.get(), out.writer.get());
    outputs.put(printer, 1, bytes);
    outputs.put(printer, 2, bytes);
    CHECK(printer.finish(kDeadline));
  }
  out.writer.reset();
  reader.join();
  CHECK((got == bytes + bytes));
}
