#include <sys/mman.h>
#include <sys/resource.h>

#include <csignal>
#include <set>
#include <string>

#include "drover/journal/append_file.hpp"
#include "drover/journal/run_directory.hpp"
#include "drover/journal/run_lock.hpp"
#include "support/catch.hpp"
#include "unit/journal/temporary_files.hpp"

namespace fs = std::filesystem;
using drover::journal::AppendFile;
using drover::journal::RunDirectory;
using drover::journal::RunLock;
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

TEST_CASE("a run directory is its user's alone, and may end in a slash") {
  const TemporaryDirectory base;
  const RunDirectory run = RunDirectory::create(base / "runs/one/");
  CHECK(run.path() == base / "runs/one");
  CHECK(fs::status(run.path()).permissions() == fs::perms::owner_all);
  CHECK(fs::status(RunDirectory::create_below(base.path()).path()).permissions() == fs::perms::owner_all);
}

TEST_CASE("a run is not kept where others can change it") {
  const TemporaryDirectory base;
  const fs::path open_to_all = base / "open";
  fs::create_directory(open_to_all);
  fs::permissions(open_to_all, fs::perms::all);
  const std::string message = message_of<drover::UsageError>([&] { (void)RunDirectory::create(open_to_all); });
  CHECK_THAT(message,
             Catch::Matchers::Matches(".*can be written by everybody.*--run-dir " + open_to_all.string() + "/run-1"));
  CHECK_NOTHROW(RunDirectory::create(open_to_all / "run-1"));
  write_file(open_to_all / "run.db", "");
  CHECK_NOTHROW(RunDirectory::open(open_to_all));
  CHECK_THAT(message_of<drover::Error>([&] { (void)RunDirectory::open_to_write(open_to_all); }),
             Catch::Matchers::Matches(".*can be written by everybody.*"));
  fs::create_directory(base / "drover-runs");
  fs::permissions(base / "drover-runs", fs::perms::all);
  CHECK_THROWS_AS(RunDirectory::create_below(base.path()), drover::UsageError);
}

TEST_CASE("a lock keeps others out although its file is deleted, or made again") {
  const TemporaryDirectory base;
  const RunDirectory run = RunDirectory::create(base / "run");
  CHECK_FALSE(current_master(run));
  {
    const RunLock lock = RunLock::acquire(run);
    CHECK(current_master(run));
    CHECK_THROWS_AS(RunLock::acquire(run), drover::Error);
    fs::remove(run.lock());
    CHECK(current_master(run));
    CHECK_THROWS_AS(RunLock::acquire(run), drover::Error);
    write_file(run.lock(), "");
    CHECK(current_master(run));
    CHECK_THROWS_AS(RunLock::acquire(run), drover::Error);
  }
  CHECK_FALSE(current_master(run));
  CHECK_NOTHROW(RunLock::acquire(run));
}

TEST_CASE("a symbolic link is not written through") {
  const TemporaryDirectory base;
  write_file(base / "precious", "mine");
  fs::create_symlink(base / "precious", base / "link");
  CHECK_THAT(message_of<drover::Error>([&] { const AppendFile file(base / "link"); }),
             Catch::Matchers::Matches(".*symbolic link.*"));
  CHECK(read_file(base / "precious") == "mine");
}

TEST_CASE("a file knows whether it is in its place, and takes it again") {
  const TemporaryDirectory base;
  const fs::path path = base / "log";
  AppendFile file(path);
  file.append("first\n");
  file.flush();
  CHECK(file.is_in_place());

  SECTION("removed") {
    fs::remove(path);
    CHECK_FALSE(file.is_in_place());
    CHECK(file.take_place_again().empty());
  }
  SECTION("replaced") {
    fs::rename(path, base / "old");
    write_file(path, "something else, and longer");
    CHECK_FALSE(file.is_in_place());
    CHECK(file.take_place_again() == base / "log.set-aside-1");
    CHECK(read_file(base / "log.set-aside-1") == "something else, and longer");
  }
  SECTION("cut, and written to since") {
    fs::resize_file(path, 2);
    CHECK_FALSE(file.is_in_place());
    file.append("second\n");
    file.flush();
    CHECK_FALSE(file.is_in_place());
    CHECK(file.take_place_again() == base / "log.set-aside-1");
  }
  CHECK(file.is_in_place());
  CHECK(read_file(path).empty());
  file.append("again\n");
  file.flush();
  CHECK(read_file(path) == "again\n");
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
