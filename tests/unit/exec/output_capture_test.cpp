#include "drover/exec/output_capture.hpp"

#include <fcntl.h>
#include <unistd.h>

#include <atomic>
#include <chrono>
#include <cstdio>
#include <cstdlib>
#include <filesystem>
#include <fstream>
#include <iostream>
#include <sstream>
#include <thread>

#include "support/attempt_recorder.hpp"
#include "support/catch.hpp"

using namespace drover;
using namespace std::chrono_literals;
using core::Stream;
using exec::OutputCapture;

namespace {

constexpr core::AttemptId kFirst{core::TaskId(1), 1};
constexpr core::AttemptId kSecond{core::TaskId(2), 1};
constexpr std::size_t kMuch = 10U << 20;

void write_text(const std::string& text) {
  (void)!::write(STDOUT_FILENO, text.data(), text.size());
}

/// Executes an attempt as a pool does.
template <class F>
exec::Printed execute(OutputCapture& capture, core::AttemptId attempt, F f) {
  exec::Printed printed;
  std::thread([&] {
    capture.begin(attempt);
    f();
    printed = capture.end(attempt);
  }).join();
  return printed;
}

std::string contents(const std::filesystem::path& path) {
  std::ostringstream text;
  text << std::ifstream(path).rdbuf();
  return text.str();
}

/// Standard output goes to a file while it lives.
class Redirected {
 public:
  Redirected() {
    const support::UniqueFd file(::open(path.c_str(), O_WRONLY | O_CREAT | O_TRUNC, 0600));
    (void)std::fflush(stdout);
    ::dup2(file.get(), STDOUT_FILENO);
  }
  ~Redirected() {
    ::dup2(before_.get(), STDOUT_FILENO);
    std::filesystem::remove(path);
  }
  std::filesystem::path path =
      std::filesystem::temp_directory_path() / ("drover-capture-" + std::to_string(::getpid()));

 private:
  support::UniqueFd before_{::dup(STDOUT_FILENO)};
};

}  // namespace

TEST_CASE("what one attempt prints is all its own, in the order in which it was printed") {
  test::AttemptRecorder recorder;
  core::AttemptResult result;
  {
    OutputCapture capture;
    execute(capture, kFirst, [] {
      std::printf("by C ");
      std::cout << "by C++ " << 5 << ' ';
      write_text("by a descriptor ");
      (void)!std::system("echo by a child");
      std::thread([] { std::puts("by a thread"); }).join();
      std::fprintf(stderr, "an error\n");
      std::clog << "the last" << ' ' << "word";
    }).tell(result);
    CHECK(capture.holds(kFirst));
    capture.take(kMuch, recorder);
    CHECK_FALSE(capture.holds(kFirst));
    execute(capture, kSecond, [] { std::puts("another"); });
    capture.take(kMuch, recorder);
  }
  CHECK(recorder.output(kFirst) == "by C by C++ 5 by a descriptor by a child\nby a thread\n");
  CHECK(recorder.output(kFirst, Stream::err) == "an error\nthe last word");
  CHECK(recorder.output(kSecond) == "another\n");
  CHECK(recorder.words.empty());
  CHECK(result.stdout_bytes == recorder.output(kFirst).size());
  CHECK(result.stderr_tail == "the last word");
}

TEST_CASE("of attempts that execute at once each has what its thread prints, and the worker whole lines of the rest") {
  test::AttemptRecorder recorder;
  {
    OutputCapture capture;
    std::atomic<int> num_printed = 0;
    const auto print = [&](const std::string& name) {
      return [&num_printed, name] {
        for (int i = 0; i < 100; ++i) {
          std::printf("%s ", name.c_str());
          std::cout << name << '\n';
        }
        ++num_printed;
        while (num_printed < 2) std::this_thread::sleep_for(1ms);
        // Both execute.
        write_text("descriptor of ");
        write_text(name + "\n");
        ++num_printed;
        while (num_printed < 4) std::this_thread::sleep_for(1ms);
      };
    };
    std::thread first([&] { execute(capture, kFirst, print("one")); });
    execute(capture, kSecond, print("two"));
    first.join();
    capture.take(kMuch, recorder);
  }
  std::string expected;
  for (int i = 0; i < 100; ++i) expected += "one one\n";
  CHECK(recorder.output(kFirst) == expected);
  CHECK(recorder.output(kSecond).size() == expected.size());
  const std::string words = recorder.words[Stream::out];
  CHECK(words.find("one\n") != std::string::npos);
  CHECK(words.find("two\n") != std::string::npos);
  CHECK(words.size() == 2 * std::string("descriptor of one\n").size());
}

TEST_CASE("one that waits for others has not printed what they print, and one that is alone has") {
  test::AttemptRecorder recorder;
  {
    OutputCapture capture;
    execute(capture, kFirst, [&] {
      capture.set_waiting(kFirst, true);
      execute(capture, kSecond, [] { write_text("second\n"); });
      capture.set_waiting(kFirst, false);
      write_text("first\n");
    });
    write_text("nobody\n");
    capture.take(kMuch, recorder);
  }
  CHECK(recorder.output(kFirst) == "first\n");
  CHECK(recorder.output(kSecond) == "second\n");
  CHECK(recorder.words[Stream::out] == "nobody\n");
}

TEST_CASE("who prints more than is held waits until it has been taken") {
  test::AttemptRecorder recorder;
  const std::string line(99, 'x');
  std::size_t num_held_at_first = 0;
  {
    OutputCapture capture;
    std::atomic<bool> is_over = false;
    std::thread first([&] {
      execute(capture, kFirst, [&] {
        for (int i = 0; i < 10'000; ++i) std::puts(line.c_str());
      });
      is_over = true;
    });
    while (!capture.holds(kFirst)) std::this_thread::sleep_for(1ms);
    while (!is_over) {
      const std::size_t before = recorder.output(kFirst).size();
      capture.take(300'000, recorder);
      num_held_at_first = std::max(num_held_at_first, recorder.output(kFirst).size() - before);
    }
    first.join();
    capture.take(kMuch, recorder);
  }
  CHECK(num_held_at_first <= (256U << 10) + (64U << 10));
  CHECK(recorder.output(kFirst).size() == 1'000'000);
}

TEST_CASE("what a thread prints that was left behind is the worker's, and what nobody took goes where it went before") {
  test::AttemptRecorder recorder;
  const Redirected redirected;
  {
    OutputCapture capture;
    execute(capture, kFirst, [&] {
      std::puts("before");
      CHECK(capture.leave_behind(kFirst).num_bytes[0] == 7);
      std::puts("after");
    });
    capture.take(7, recorder);
    std::printf("no end");
  }
  CHECK(recorder.output(kFirst) == "before\n");
  std::printf(" of it\n");
  (void)std::fflush(stdout);
  CHECK(contents(redirected.path) == "after\nno end of it\n");
}

TEST_CASE("words without an end are told in the end") {
  test::AttemptRecorder recorder;
  {
    OutputCapture capture;
    write_text("a line\nand more");
    capture.take(kMuch, recorder);
    CHECK(recorder.words[Stream::out] == "a line\n");
    capture.take_rest(recorder);
  }
  CHECK(recorder.words[Stream::out] == "a line\nand more");
}
