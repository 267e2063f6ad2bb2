#include "drover/journal/run_directory.hpp"

#include <sys/stat.h>

#include <array>
#include <cerrno>
#include <ctime>
#include <random>
#include <string>
#include <string_view>
#include <system_error>

#include "drover/journal/append_file.hpp"
#include "drover/journal/run_lock.hpp"

namespace drover::journal {

namespace fs = std::filesystem;

namespace {

/// Local time, so that people recognise their run: `20250131-174502`.
std::string timestamp() {
  const std::time_t now = std::time(nullptr);
  std::tm local{};
  ::localtime_r(&now, &local);
  std::array<char, 32> text{};
  return {text.data(), std::strftime(text.data(), text.size(), "%Y%m%d-%H%M%S", &local)};
}

/// Tells runs apart that begin in the same second.
std::string random_id() {
  constexpr std::string_view kAlphabet = "abcdefghijkmnpqrstuvwxyz23456789";
  std::random_device random;
  std::string id;
  for (int i = 0; i < 4; ++i) id += kAlphabet[random() % kAlphabet.size()];
  return id;
}

void create_with_parents(const fs::path& path) {
  std::error_code error;
  fs::create_directories(path, error);
  if (error) throw file_error("create directory", path, error.value());
}

/// Not if it is there.
bool create_own(const fs::path& path) {
  if (::mkdir(path.c_str(), support::kOwnDirectoryMode) == 0) return true;
  if (errno != EEXIST) throw file_error("create directory", path, errno);
  return false;
}

/// Whoever can write there could have drover write elsewhere, or put other files in place of its own.
void check_is_ours(const fs::path& directory, const std::string& remedy) {
  const std::string hands = support::other_hands_in(directory);
  if (hands.empty()) return;
  throw UsageError("a run cannot be kept in '" + directory.string() + "', which " + hands +
                   ": others could change its records; " + remedy);
}

/// Without what would have it end in an empty name.
fs::path normal(const fs::path& path) {
  const fs::path whole = fs::absolute(path).lexically_normal();
  return whole.has_filename() || !whole.has_relative_path() ? whole : whole.parent_path();
}

}  // namespace

RunDirectory::RunDirectory(const fs::path& path) : path_(normal(path)) {}

bool RunDirectory::holds_a_run() const {
  std::error_code ignored;
  return fs::exists(database(), ignored) || fs::exists(job_log(), ignored) || fs::exists(events(), ignored) ||
         fs::exists(outputs(), ignored);
}

RunDirectory RunDirectory::create(const fs::path& path) {
  if (path.empty()) throw UsageError("the run directory has an empty name");
  RunDirectory run(path);
  std::error_code error;
  const fs::file_status status = fs::status(run.path_, error);
  if (fs::exists(status) && !fs::is_directory(status)) {
    throw UsageError("cannot use '" + path.string() + "' as run directory: it is not a directory");
  }
  if (run.holds_a_run()) {
    if (const auto master = current_master(run))
      throw UsageError("run directory '" + path.string() + "' is that of a run that is going on, by " + *master +
                       ": name another");
    throw UsageError("run directory '" + path.string() +
                     "' already holds a run: name another, or go on with it by 'drover run --resume " + path.string() +
                     "'");
  }
  if (run.path_.has_parent_path()) create_with_parents(run.path_.parent_path());
  if (!create_own(run.path_))
    check_is_ours(run.path_, "name one that drover is to make, as in --run-dir " + (run.path_ / "run-1").string());
  return run;
}

RunDirectory RunDirectory::open(const fs::path& path) {
  RunDirectory run(path);
  std::error_code error;
  if (fs::exists(run.database(), error)) return run;
  if (error) throw file_error("examine", run.database(), error.value());
  if (!run.holds_a_run()) throw UsageError("there is no run in '" + path.string() + "': it has no run.db");
  throw UsageError("the run in '" + path.string() + "' has lost '" + run.database().string() +
                   "': put it back, or begin a new run with --joblog-import " + run.job_log().string() +
                   ", which passes over what has succeeded according to that");
}

RunDirectory RunDirectory::open_to_write(const fs::path& path) {
  RunDirectory run = open(path);
  const std::string hands = support::other_hands_in(run.path_);
  if (!hands.empty()) throw Error("the run in '" + path.string() + "' cannot be gone on with: its directory " + hands);
  return run;
}

RunDirectory RunDirectory::create_below(const fs::path& base) {
  const fs::path parent = base / "drover-runs";
  create_with_parents(parent);
  check_is_ours(parent, "name a directory of your own with --run-dir");
  for (;;) {
    const RunDirectory run(parent / (timestamp() + "-" + random_id()));
    if (create_own(run.path_)) return run;
  }
}

}  // namespace drover::journal
