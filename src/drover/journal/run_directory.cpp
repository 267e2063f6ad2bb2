#include "drover/journal/run_directory.hpp"

#include <array>
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

void create_parents(const fs::path& path) {
  std::error_code error;
  fs::create_directories(path, error);
  if (error) throw file_error("create directory", path, error.value());
}

}  // namespace

RunDirectory::RunDirectory(const fs::path& path) : path_(fs::absolute(path).lexically_normal()) {}

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
  create_parents(run.path_);
  return run;
}

RunDirectory RunDirectory::open(const fs::path& path) {
  RunDirectory run(path);
  std::error_code error;
  if (fs::exists(run.database(), error)) return run;
  if (error) throw file_error("examine", run.database(), error.value());
  throw UsageError("there is no run in '" + path.string() + "': it has no run.db");
}

RunDirectory RunDirectory::create_below(const fs::path& base) {
  const fs::path parent = base / "drover-runs";
  create_parents(parent);
  for (;;) {
    const RunDirectory run(parent / (timestamp() + "-" + random_id()));
    std::error_code error;
    if (fs::create_directory(run.path_, error)) return run;
    if (error) throw file_error("create directory", run.path_, error.value());
  }
}

}  // namespace drover::journal
