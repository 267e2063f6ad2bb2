// Where a run keeps what it leaves behind.
#pragma once

#include <filesystem>

namespace drover::journal {

/// The directory of one run, and what is where in it. A plain value: it holds no resource, and
/// nothing is removed when it goes.
class RunDirectory {
 public:
  /// Makes `path` the directory of a new run, creating it, for this user alone, and its parents. It may exist, with
  /// other things in it, but must not hold a run, nor be one where other users can write. Throws UsageError if so or
  /// it is no directory, Error if it cannot be created.
  [[nodiscard]] static RunDirectory create(const std::filesystem::path& path);

  /// Creates `base/drover-runs/<local date>-<time>-<id>`, for this user alone, never one that exists. Throws
  /// UsageError if other users can write in `base/drover-runs`, Error if it cannot be created.
  [[nodiscard]] static RunDirectory create_below(const std::filesystem::path& base);

  /// A directory that holds a run, to read there. Throws UsageError if it does not.
  [[nodiscard]] static RunDirectory open(const std::filesystem::path& path);
  /// The same, to go on with the run. Throws Error if other users can write there.
  [[nodiscard]] static RunDirectory open_to_write(const std::filesystem::path& path);

  /// Absolute.
  [[nodiscard]] const std::filesystem::path& path() const { return path_; }
  [[nodiscard]] std::filesystem::path database() const { return path_ / "run.db"; }
  [[nodiscard]] std::filesystem::path lock() const { return path_ / "master.lock"; }
  [[nodiscard]] std::filesystem::path job_log() const { return path_ / "joblog.tsv"; }
  [[nodiscard]] std::filesystem::path events() const { return path_ / "events.jsonl"; }
  /// The number of the Slurm job that the run's master is in, if it is in one.
  [[nodiscard]] std::filesystem::path slurm_job() const { return path_ / "slurm-job"; }
  /// How far outputs have been printed.
  [[nodiscard]] std::filesystem::path printed() const { return path_ / "printed"; }
  [[nodiscard]] std::filesystem::path outputs() const { return path_ / "outputs"; }

 private:
  explicit RunDirectory(const std::filesystem::path& path);

  [[nodiscard]] bool holds_a_run() const;

  std::filesystem::path path_;
};

}  // namespace drover::journal
