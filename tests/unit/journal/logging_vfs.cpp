#include "unit/journal/logging_vfs.hpp"

#include <fcntl.h>
#include <unistd.h>

#include <algorithm>
#include <map>
#include <stdexcept>
#include <utility>

#include "drover/support/unique_fd.hpp"

namespace drover::test {

namespace fs = std::filesystem;
using namespace file_operation;

/// What the file layer makes safe by name, too: see os_unix.c.
constexpr int kLogFile = SQLITE_OPEN_MAIN_JOURNAL | SQLITE_OPEN_SUPER_JOURNAL | SQLITE_OPEN_WAL;

/// What SQLite allocates for an open file: ours, and behind it the one of the real layer.
struct LoggingVfs::File {
  sqlite3_file ours;
  LoggingVfs* vfs;
  const char* path;      ///< SQLite keeps it for as long as the file is open
  bool syncs_directory;  ///< with its next sync: that of a new log makes its name as safe as its content

  sqlite3_file* real() { return reinterpret_cast<sqlite3_file*>(this + 1); }
  static File& of(sqlite3_file* file) { return *reinterpret_cast<File*>(file); }
};

LoggingVfs::LoggingVfs() : base_(sqlite3_vfs_find(nullptr)), vfs_(*base_) {
  vfs_.szOsFile = static_cast<int>(sizeof(File)) + base_->szOsFile;
  vfs_.zName = name_.c_str();
  vfs_.pAppData = this;
  vfs_.xOpen = &open;
  vfs_.xDelete = &remove;

  methods_.iVersion = 2;
  methods_.xClose = [](sqlite3_file* f) { return File::of(f).real()->pMethods->xClose(File::of(f).real()); };
  methods_.xRead = [](sqlite3_file* f, void* to, int num, sqlite3_int64 at) {
    return File::of(f).real()->pMethods->xRead(File::of(f).real(), to, num, at);
  };
  methods_.xWrite = [](sqlite3_file* f, const void* from, int num, sqlite3_int64 at) {
    File& file = File::of(f);
    if (file.vfs->fails_writes_) return SQLITE_IOERR_WRITE;
    file.vfs->log_.emplace_back(Write{file.path, at, {static_cast<const char*>(from), static_cast<std::size_t>(num)}});
    return file.real()->pMethods->xWrite(file.real(), from, num, at);
  };
  methods_.xTruncate = [](sqlite3_file* f, sqlite3_int64 size) {
    File& file = File::of(f);
    file.vfs->log_.emplace_back(Truncate{file.path, size});
    return file.real()->pMethods->xTruncate(file.real(), size);
  };
  methods_.xSync = [](sqlite3_file* f, int flags) {
    File& file = File::of(f);
    file.vfs->log_.emplace_back(Sync{file.path});
    if (std::exchange(file.syncs_directory, false)) file.vfs->log_.emplace_back(SyncDirectory{file.path});
    return file.real()->pMethods->xSync(file.real(), flags);
  };
  methods_.xFileSize = [](sqlite3_file* f, sqlite3_int64* size) {
    return File::of(f).real()->pMethods->xFileSize(File::of(f).real(), size);
  };
  methods_.xLock = [](sqlite3_file* f, int level) {
    return File::of(f).real()->pMethods->xLock(File::of(f).real(), level);
  };
  methods_.xUnlock = [](sqlite3_file* f, int level) {
    return File::of(f).real()->pMethods->xUnlock(File::of(f).real(), level);
  };
  methods_.xCheckReservedLock = [](sqlite3_file* f, int* result) {
    return File::of(f).real()->pMethods->xCheckReservedLock(File::of(f).real(), result);
  };
  methods_.xFileControl = [](sqlite3_file* f, int op, void* arg) {
    return File::of(f).real()->pMethods->xFileControl(File::of(f).real(), op, arg);
  };
  methods_.xSectorSize = [](sqlite3_file* f) { return File::of(f).real()->pMethods->xSectorSize(File::of(f).real()); };
  methods_.xDeviceCharacteristics = [](sqlite3_file* f) {
    return File::of(f).real()->pMethods->xDeviceCharacteristics(File::of(f).real());
  };
  methods_.xShmMap = [](sqlite3_file* f, int page, int size, int extend, void volatile** at) {
    return File::of(f).real()->pMethods->xShmMap(File::of(f).real(), page, size, extend, at);
  };
  methods_.xShmLock = [](sqlite3_file* f, int offset, int num, int flags) {
    return File::of(f).real()->pMethods->xShmLock(File::of(f).real(), offset, num, flags);
  };
  methods_.xShmBarrier = [](sqlite3_file* f) { File::of(f).real()->pMethods->xShmBarrier(File::of(f).real()); };
  methods_.xShmUnmap = [](sqlite3_file* f, int remove_it) {
    return File::of(f).real()->pMethods->xShmUnmap(File::of(f).real(), remove_it);
  };
  if (sqlite3_vfs_register(&vfs_, 0) != SQLITE_OK) throw std::runtime_error("sqlite3_vfs_register");
}

LoggingVfs::~LoggingVfs() {
  sqlite3_vfs_unregister(&vfs_);
}

int LoggingVfs::open(sqlite3_vfs* vfs, const char* path, sqlite3_file* file, int flags, int* out_flags) {
  auto* const self = static_cast<LoggingVfs*>(vfs->pAppData);
  File& opened = File::of(file);
  opened.ours.pMethods = nullptr;
  opened.vfs = self;
  opened.path = path != nullptr ? path : "";
  opened.syncs_directory = (flags & SQLITE_OPEN_CREATE) != 0 && (flags & kLogFile) != 0 && !fs::exists(opened.path);
  const int result = self->base_->xOpen(self->base_, path, opened.real(), flags, out_flags);
  // A file without a name is of no interest to a crash.
  if (opened.real()->pMethods != nullptr) opened.ours.pMethods = &self->methods_;
  return result;
}

int LoggingVfs::remove(sqlite3_vfs* vfs, const char* path, int sync_directory) {
  auto* const self = static_cast<LoggingVfs*>(vfs->pAppData);
  self->log_.emplace_back(Delete{path});
  if (sync_directory != 0) self->log_.emplace_back(SyncDirectory{path});
  return self->base_->xDelete(self->base_, path, sync_directory);
}

namespace {

const std::string& path_of(const FileOperation& operation) {
  return std::visit([](const auto& o) -> const std::string& { return o.path; }, operation);
}

class Replay {
 public:
  Replay(const fs::path& from, fs::path to) : prefix_(from.string()), to_(std::move(to)) {}

  void apply(const FileOperation& operation) {
    const std::string& path = path_of(operation);
    if (path.compare(0, prefix_.size(), prefix_) != 0) return;
    const fs::path target = to_ / fs::path(path.substr(prefix_.size())).relative_path();
    if (const auto* write = std::get_if<Write>(&operation)) {
      const support::UniqueFd fd = open(target);
      if (::pwrite(fd.get(), write->bytes.data(), write->bytes.size(), write->offset) !=
          static_cast<ssize_t>(write->bytes.size()))
        throw std::runtime_error("pwrite");
    } else if (const auto* truncate = std::get_if<Truncate>(&operation)) {
      if (::ftruncate(open(target).get(), truncate->size) != 0) throw std::runtime_error("ftruncate");
    } else if (std::holds_alternative<Delete>(operation)) {
      fs::remove(target);
    }
  }

 private:
  static support::UniqueFd open(const fs::path& path) {
    support::UniqueFd fd(::open(path.c_str(), O_RDWR | O_CREAT | O_CLOEXEC, 0666));
    if (!fd) throw std::runtime_error("open " + path.string());
    return fd;
  }

  std::string prefix_;
  fs::path to_;
};

}  // namespace

void replay_until_death(const std::vector<FileOperation>& log, std::size_t num, std::size_t num_torn_bytes,
                        const fs::path& from, const fs::path& to) {
  Replay replay(from, to);
  for (std::size_t i = 0; i < num; ++i) replay.apply(log[i]);
  if (num == log.size()) return;
  if (Write torn; std::holds_alternative<Write>(log[num])) {
    torn = std::get<Write>(log[num]);
    torn.bytes.resize(std::min(torn.bytes.size(), num_torn_bytes));
    replay.apply(torn);
  }
}

void replay_until_power_failed(const std::vector<FileOperation>& log, std::size_t num, simulation::Random& random,
                               const fs::path& from, const fs::path& to) {
  std::map<std::string, std::size_t> synced;
  std::size_t directory_synced = 0;
  for (std::size_t i = 0; i < num; ++i) {
    if (std::holds_alternative<Sync>(log[i])) synced[path_of(log[i])] = i;
    if (std::holds_alternative<SyncDirectory>(log[i])) directory_synced = i;
  }
  Replay replay(from, to);
  for (std::size_t i = 0; i < num; ++i) {
    const bool is_on_disk = std::holds_alternative<Delete>(log[i]) ? i < directory_synced : i < synced[path_of(log[i])];
    if (is_on_disk || random.chance(0.5)) replay.apply(log[i]);
  }
}

}  // namespace drover::test
