#include "drover/control/control_socket.hpp"

#include <poll.h>
#include <sys/stat.h>
#include <sys/wait.h>

#include <cerrno>
#include <csignal>
#include <cstdlib>
#include <memory>

#include "drover/support/error.hpp"
#include "support/catch.hpp"
#include "unit/journal/temporary_files.hpp"

using namespace drover::control;
using drover::test::crash_using;
using drover::test::TemporaryDirectory;
namespace fs = std::filesystem;

namespace {

mode_t mode_of(const fs::path& path) {
  struct stat info {};
  REQUIRE(::stat(path.c_str(), &info) == 0);
  return info.st_mode & 07777;
}

/// A directory whose path is too long for a socket in it.
fs::path make_deep_directory(const TemporaryDirectory& base) {
  const fs::path path = base / std::string(60, 'a') / std::string(60, 'b');
  fs::create_directories(path);
  return path;
}

class Variable {
 public:
  Variable(const char* name, const std::string& value) : name_(name) {
    if (const char* old = std::getenv(name)) old_ = old;
    ::setenv(name, value.c_str(), 1);
  }
  ~Variable() { old_ ? ::setenv(name_, old_->c_str(), 1) : ::unsetenv(name_); }
  Variable(const Variable&) = delete;
  Variable& operator=(const Variable&) = delete;

 private:
  const char* name_;
  std::optional<std::string> old_;
};

}  // namespace

TEST_CASE("a socket for its owner alone, with a lock that says who serves") {
  const TemporaryDirectory directory;
  {
    const ControlSocket socket(directory.path());
    CHECK(mode_of(directory / "control.sock") == 0600);
    CHECK(mode_of(directory / "control.lock") == 0600);
    CHECK(connect_to(directory.path()).socket);
    const auto place = read_master_place(directory.path());
    REQUIRE(place);
    CHECK(place->host == host_name());
    CHECK(place->pid == ::getpid());
  }
  CHECK(fs::is_empty(directory.path()));
  CHECK(connect_to(directory.path()).error == ENOENT);
  CHECK_FALSE(read_master_place(directory.path()));
}

TEST_CASE("a second master is refused, and the first goes on") {
  const TemporaryDirectory directory;
  const ControlSocket first(directory.path());
  try {
    const ControlSocket second(directory.path());
    FAIL("two masters");
  } catch (const drover::Error& e) {
    CHECK(std::string(e.what()).find("in use by another master (process " + std::to_string(::getpid())) !=
          std::string::npos);
  }
  CHECK(connect_to(directory.path()).socket);
  CHECK(read_master_place(directory.path()));
}

TEST_CASE("what a crashed master left is replaced") {
  const TemporaryDirectory directory;
  REQUIRE(crash_using<ControlSocket>([](ControlSocket&) {}, directory.path()));
  CHECK(fs::exists(directory / "control.sock"));
  CHECK(connect_to(directory.path()).error == ECONNREFUSED);
  CHECK(read_master_place(directory.path())->pid != ::getpid());
  const ControlSocket socket(directory.path());
  CHECK(connect_to(directory.path()).socket);
  CHECK(read_master_place(directory.path())->pid == ::getpid());
}

TEST_CASE("a long path has its socket elsewhere, in private") {
  const TemporaryDirectory base;
  const TemporaryDirectory runtime;
  const Variable variable("XDG_RUNTIME_DIR", runtime.path().string());
  const fs::path deep = make_deep_directory(base);
  {
    const ControlSocket socket(deep);
    REQUIRE(fs::is_symlink(deep / "control.sock"));
    const fs::path target = fs::read_symlink(deep / "control.sock");
    CHECK(target.parent_path().parent_path() == runtime.path());
    CHECK(mode_of(target.parent_path()) == 0700);
    CHECK(mode_of(target) == 0600);
    CHECK(connect_to(deep).socket);
    CHECK_THROWS_AS(ControlSocket(deep), drover::Error);
  }
  CHECK(fs::is_empty(deep));
  CHECK(fs::is_empty(runtime.path()));

  SECTION("also after a crash") {
    REQUIRE(crash_using<ControlSocket>([](ControlSocket&) {}, deep));
    CHECK_FALSE(fs::is_empty(runtime.path()));
    { const ControlSocket socket(deep); }
    CHECK(fs::is_empty(deep));
    CHECK(fs::is_empty(runtime.path()));
  }
  SECTION("somewhere else when that directory is not there") {
    fs::remove_all(runtime.path());
    const ControlSocket socket(deep);
    CHECK(connect_to(deep).socket);
  }
}

TEST_CASE("a directory that cannot be written is an error that names it") {
  const TemporaryDirectory directory;
  CHECK_THROWS_AS(ControlSocket(directory / "missing"), drover::Error);
}

TEST_CASE("a master that is stopped is still there") {
  const TemporaryDirectory directory;
  const ControlSocket socket(directory.path());
  // Nobody accepts: once the backlog is full, one can only try again.
  std::vector<Connected> waiting;
  for (int i = 0; i < 1000 && (waiting.empty() || waiting.back().error == 0); ++i)
    waiting.push_back(connect_to(directory.path()));
  CHECK(waiting.back().error == EAGAIN);
  CHECK_THROWS_AS(ControlSocket(directory.path()), drover::Error);
}
