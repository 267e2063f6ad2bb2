#include <sys/mman.h>
#include <sys/resource.h>

#include <csignal>
#include <set>
#include <string>

#include "drover/journal/append_file.hpp"
#include "drover/journal/run_directory.hpp"
#include "support/catch.hpp"
#include "unit/journal/temporary_files.hpp"

namespace fs = std::filesystem;
using drover::journal::AppendFile;
using drover::journal::RunDirectory;
using drover::test::read_file;
using drover::test::TemporaryDirectory;
using drover::test::write_file;

namespace {

template <class Exception, class F>
std::string message_of(F f) {
  try {
    f();
  } catch (const Exception& error) {
    return error.what();
  }
  return "nothing was thrown";
}

}  // namespace

TEST_CASE("a run directory is created with its parents") {
  const TemporaryDirectory base;
  const RunDirectory run = RunDirectory::create(base / "a/b c/d");
  CHECK(fs::is_directory(base / "a/b c/d"));
  CHECK(run.path() == base / "a/b c/d");
  CHECK(run.job_log().parent_path() == run.path());
}

TEST_CASE("a run directory may exist with other things in it, but not with a run") {
  const TemporaryDirectory base;
  write_file(base / "notes.txt", "mine");
  CHECK_NOTHROW(RunDirectory::create(base.path()));
  for (const char* trace : {"joblog.tsv", "events.jsonl", "outputs"}) {
    const TemporaryDirectory used;
    write_file(used / trace, "");
    const std::string message = message_of<drover::UsageError>([&] { (void)RunDirectory::create(used.path()); });
    CHECK_THAT(message, Catch::Matchers::StartsWith("run directory '" + used.path().string()) &&
                            Catch::Matchers::Matches(".*already holds a run.*"));
  }
}

TEST_CASE("a run directory that cannot be is a clear error") {
  const TemporaryDirectory base;
  write_file(base / "file", "");
  CHECK_THAT(message_of<drover::UsageError>([&] { (void)RunDirectory::create(base / "file"); }),
             Catch::Matchers::Matches(".*not a directory.*"));
  CHECK_THAT(message_of<drover::Error>([&] { (void)RunDirectory::create(base / "file/below"); }),
             Catch::Matchers::Matches(".*Not a directory.*"));
  CHECK_THAT(message_of<drover::UsageError>([&] { (void)RunDirectory::create(""); }),
             Catch::Matchers::Matches(".*empty.*"));
  CHECK_THROWS_AS(RunDirectory::create("/proc/drover-run"), drover::Error);
}

TEST_CASE("generated run directories never coincide") {
  const TemporaryDirectory base;
  std::set<fs::path> paths;
  for (int i = 0; i < 50; ++i) paths.insert(RunDirectory::create_below(base.path()).path());
  CHECK(paths.size() == 50);
  for (const fs::path& path : paths) {
    CHECK(path.parent_path() == base / "drover-runs");
    CHECK(fs::is_directory(path));
  }
}

TEST_CASE("a torn last line is dropped, wherever it was torn") {
  const TemporaryDirectory base;
  const std::string whole = "first\n" + std::string(70'000, 'x') + "\nlast\n";
  for (const std::string& torn : {std::string(), std::string("t"), std::string(200'000, 't')}) {
    write_file(base / "log", whole + torn);
    AppendFile file(base / "log");
    file.drop_torn_line();
    file.append("next\n");
    file.flush();
    CHECK(read_file(base / "log") == whole + "next\n");
  }
  write_file(base / "log", "no newline at all");
  AppendFile file(base / "log");
  file.drop_torn_line();
  CHECK(file.size() == 0);
}

TEST_CASE("a write that fails names file and reason, and leaves no gap when it works again") {
  const TemporaryDirectory base;
  std::signal(SIGXFSZ, SIG_IGN);
  rlimit before{};
  ::getrlimit(RLIMIT_FSIZE, &before);
  AppendFile file(base / "log");
  file.append("0123456789");

  const rlimit tiny{4, before.rlim_max};
  ::setrlimit(RLIMIT_FSIZE, &tiny);
  const std::string message = message_of<drover::Error>([&] { file.flush(); });
  ::setrlimit(RLIMIT_FSIZE, &before);
  CHECK(message == "cannot write '" + (base / "log").string() + "': File too large");

  file.append("abc");
  file.flush();
  CHECK(read_file(base / "log") == "0123456789abc");
}

TEST_CASE("bytes are copied from another file system too") {
  const TemporaryDirectory base;
  const drover::support::UniqueFd from(::memfd_create("from", MFD_CLOEXEC));
  const std::string bytes = std::string(100'000, 'a') + std::string(100'000, 'b');
  drover::journal::write_at(from.get(), "memory", bytes, 0);
  AppendFile file(base / "to");
  file.append("head,");
  file.append_from(from.get(), 50'000, 100'000);
  file.append(",tail");
  file.flush();
  CHECK((read_file(base / "to") == "head," + bytes.substr(50'000, 100'000) + ",tail"));
}

TEST_CASE("copying from a file that is shorter than claimed is an error") {
  const TemporaryDirectory base;
  write_file(base / "from", "abc");
  const auto from = drover::journal::open_file(base / "from", 0);
  AppendFile file(base / "to");
  file.append("1");
  file.append_from(from.get(), 1, 2);
  CHECK(read_file(base / "to") == "1bc");
  CHECK_THROWS_AS(file.append_from(from.get(), 0, 4), drover::Error);
}

TEST_CASE("a full disk is named with its remedy") {
  const drover::test::SmallDisk disk("64k");
  if (!disk.is_available()) {
    WARN("skipped: only root can mount a small file system");
    return;
  }
  AppendFile file(disk.path() / "log");
  const std::string message = message_of<drover::Error>([&] {
    for (int i = 0; i < 20; ++i) file.append(std::string(10'000, 'x'));
    file.flush();
  });
  CHECK(message == "cannot write '" + (disk.path() / "log").string() + "': No space left on device (make room there)");
}
