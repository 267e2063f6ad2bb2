#include "drover/cli/output/terminal_line.hpp"

#include <fcntl.h>
#include <poll.h>
#include <stdlib.h>
#include <sys/ioctl.h>
#include <termios.h>
#include <unistd.h>

#include <array>
#include <chrono>
#include <string>
#include <thread>

#include "drover/cli/output/output_sink.hpp"
#include "support/catch.hpp"
#include "unit/journal/temporary_files.hpp"

using drover::cli::OutputSink;
using drover::cli::TerminalLine;
using drover::support::UniqueFd;

namespace {

/// Both ends of a pseudo terminal, 20 columns wide, that passes bytes as they are.
class Terminal {
 public:
  Terminal() : screen_(::posix_openpt(O_RDWR | O_NOCTTY | O_CLOEXEC)) {
    REQUIRE(::grantpt(screen_.get()) == 0);
    REQUIRE(::unlockpt(screen_.get()) == 0);
    tty_.reset(::open(::ptsname(screen_.get()), O_RDWR | O_NOCTTY | O_CLOEXEC));
    REQUIRE(tty_);
    termios mode{};
    ::tcgetattr(tty_.get(), &mode);
    ::cfmakeraw(&mode);
    ::tcsetattr(tty_.get(), TCSANOW, &mode);
    const winsize size{.ws_row = 5, .ws_col = 20, .ws_xpixel = 0, .ws_ypixel = 0};
    ::ioctl(tty_.get(), TIOCSWINSZ, &size);
  }
  [[nodiscard]] int fd() const { return tty_.get(); }

  /// What has been written since the last call.
  std::string written() {
    std::string all;
    std::array<char, 4096> block;
    for (pollfd ready{screen_.get(), POLLIN, 0}; ::poll(&ready, 1, 50) > 0;) {
      const ssize_t n = ::read(screen_.get(), block.data(), block.size());
      if (n <= 0) break;
      all.append(block.data(), static_cast<std::size_t>(n));
    }
    return all;
  }

 private:
  UniqueFd screen_;
  UniqueFd tty_;
};

constexpr const char* kErase = "\r\x1b[K";

}  // namespace

TEST_CASE("what is no terminal sees nothing of the line") {
  const drover::test::TemporaryDirectory base;
  const UniqueFd file(::open((base / "err").c_str(), O_RDWR | O_CREAT | O_CLOEXEC, 0600));
  TerminalLine line(file.get());
  CHECK_FALSE(line.is_terminal());
  line.set("progress");
  { TerminalLine::Guard guard(line); }
  line.clear();
  CHECK(drover::test::read_file(base / "err").empty());
}

TEST_CASE("the line is drawn when it changes, and cut to the terminal's width") {
  Terminal terminal;
  TerminalLine line(terminal.fd());
  line.set("1 done");
  CHECK(terminal.written() == "\r1 done\x1b[K");
  line.set("1 done");
  CHECK(terminal.written().empty());
  line.set("0123456789012345678901234");
  CHECK(terminal.written() == "\r0123456789012345678\x1b[K");
  line.set(
      "\xc3\xbc\xc3\xbc\xc3\xbc"
      "3456789012345678901234");
  CHECK(terminal.written() ==
        "\r\xc3\xbc\xc3\xbc\xc3\xbc"
        "3456789012345678\x1b[K");
  line.clear();
  CHECK(terminal.written() == kErase);
  line.clear();
  CHECK(terminal.written().empty());
}

TEST_CASE("output gets past the line unaltered") {
  Terminal terminal;
  TerminalLine line(terminal.fd());
  OutputSink sink(terminal.fd(), -1, line);
  line.set("1 done");
  terminal.written();
  sink.append("output\n");
  sink.flush();
  CHECK(terminal.written() == std::string(kErase) + "output\n\r1 done\x1b[K");
}

TEST_CASE("within a line of output the line stays away") {
  Terminal terminal;
  TerminalLine line(terminal.fd());
  OutputSink sink(terminal.fd(), -1, line);
  line.set("1 done");
  terminal.written();
  sink.append("half");
  sink.flush();
  line.set("2 done");
  CHECK(terminal.written() == std::string(kErase) + "half");
  sink.append(" and half\n");
  sink.flush();
  CHECK(terminal.written() == " and half\n\r2 done\x1b[K");
}

TEST_CASE("setting the line waits for nobody") {
  Terminal terminal;
  TerminalLine line(terminal.fd());
  SECTION("not for a writer") {
    {
      TerminalLine::Guard guard(line);
      std::thread master([&] { line.set("2 done"); });
      master.join();
      CHECK(terminal.written().empty());
    }
    CHECK(terminal.written() == "\r2 done\x1b[K");
  }
  SECTION("not for a terminal that is stopped") {
    ::tcflow(terminal.fd(), TCOOFF);
    for (int i = 0; i < 10'000; ++i) line.set(std::to_string(i) + " done");
    ::tcflow(terminal.fd(), TCOON);
    line.set("all done");
    CHECK_THAT(terminal.written(), Catch::Matchers::EndsWith("\rall done\x1b[K"));
  }
}
