#include "drover/journal/run_database.hpp"

#include <SQLiteCpp/Statement.h>
#include <SQLiteCpp/Transaction.h>
#include <fcntl.h>
#include <sqlite3.h>

#include <cerrno>
#include <utility>

#include "drover/journal/append_file.hpp"
#include "drover/journal/file_system.hpp"
#include "drover/journal/sqlite_schema.hpp"

namespace drover::journal {

namespace {

namespace fs = std::filesystem;

constexpr int kReaderPatienceMs = 10'000;
constexpr int kOpenPatienceMs = 10'000;
/// What the write-ahead log may grow to before it is folded into the database: 16 MiB.
constexpr const char* kCheckpoint = "PRAGMA wal_autocheckpoint = 4096";
constexpr const char* kCache = "PRAGMA cache_size = -16384";

/// SQLite would make it readable for everybody; what it puts beside it later has the mode of this one.
const fs::path& created(const fs::path& path) {
  const support::UniqueFd fd = support::open_no_link(path, O_RDWR | O_CREAT | O_EXCL);
  if (!fd && errno != EEXIST) throw file_error("create", path, errno);
  return path;
}

SQLite::Database open(const fs::path& path, int flags, int patience_ms, const std::string& vfs) {
  try {
    return SQLite::Database(path.string(), flags, patience_ms, vfs);
  } catch (const SQLite::Exception& e) {
    throw database_error(e, "open", path);
  }
}

std::string remedy(int primary_code, const fs::path& path) {
  switch (primary_code) {
    case SQLITE_FULL:
      return " (make room there)";
    case SQLITE_READONLY:
    case SQLITE_CANTOPEN:
    case SQLITE_PERM:
      return " (is the place there, and can it be written?)";
    case SQLITE_CORRUPT:
    case SQLITE_NOTADB:
      return "; it is damaged, or was copied while in use: put a whole copy in its place, or begin a new run with "
             "--joblog-import " +
             (path.parent_path() / "joblog.tsv").string() +
             ", which passes over what has succeeded according to that (for a look at what is left: sqlite3 " +
             path.filename().string() + " .recover, or .dump)";
    default:
      return "";
  }
}

}  // namespace

Error database_error(const SQLite::Exception& exception, std::string_view operation, const fs::path& path) {
  return Error("cannot " + std::string(operation) + " '" + path.string() + "': " + exception.what() +
               remedy(exception.getErrorCode() & 0xFF, path));
}

void check_whole(SQLite::Database& database, const fs::path& path) {
  const std::string found = reading(path, [&] { return database.execAndGet("PRAGMA quick_check(1)").getString(); });
  if (found == "ok") return;
  throw Error("cannot use '" + path.string() + "': " + found.substr(found.rfind('\n') + 1) +
              remedy(SQLITE_CORRUPT, path));
}

bool is_busy(const SQLite::Exception& exception) {
  const int code = exception.getErrorCode() & 0xFF;
  return code == SQLITE_BUSY || code == SQLITE_LOCKED;
}

RunDatabase::RunDatabase(const fs::path& path, const DatabaseOptions& options)
    : path_(created(path)),
      file_(file_id(path).value_or(FileId{})),
      database_(open(path, SQLite::OPEN_READWRITE, kOpenPatienceMs, options.vfs)) {
  const FileSystem file_system = file_system_of(path.parent_path());
  file_system_ = file_system.name;
  try {
    set_mode(options.is_local.value_or(file_system.is_local), options.durability);
    const bool is_new = database_.execAndGet("SELECT count(*) FROM sqlite_master").getInt() == 0;
    if (!is_new) check_schema(database_, path_);
    SQLite::Transaction transaction(database_, SQLite::TransactionBehavior::IMMEDIATE);
    upgrade_schema(database_);
    transaction.commit();
  } catch (const SQLite::Exception& e) {
    throw database_error(e, "use", path_);
  }
}

RunDatabase::~RunDatabase() {
  // A finished run is one file that can be read wherever it is copied to. If somebody reads now, the
  // log stays beside it and the next to open it tidies up.
  if (journal_mode_ == "wal") (void)database_.tryExec("PRAGMA journal_mode = TRUNCATE");
}

bool RunDatabase::is_in_place() const {
  return file_id(path_) == file_;
}

/// A database in WAL mode that has come to a file system without shared memory (copied there after a
/// crash) is first opened for this connection alone, which needs none.
void RunDatabase::set_mode(bool is_local, Durability durability) {
  const char* const mode = is_local ? "wal" : "truncate";
  if (!is_local) database_.exec("PRAGMA locking_mode = EXCLUSIVE");
  journal_mode_ = database_.execAndGet(std::string("PRAGMA journal_mode = ") + mode).getString();
  if (journal_mode_ != mode)
    throw Error("cannot use '" + path_.string() + "': SQLite does not offer the journal mode '" + mode +
                "' that this file system (" + file_system_ + ") needs");
  if (!is_local) {
    database_.exec("PRAGMA locking_mode = NORMAL");
    (void)database_.execAndGet("SELECT count(*) FROM sqlite_master");  // lets the exclusive lock go
  }
  database_.exec(durability == Durability::full     ? "PRAGMA synchronous = FULL"
                 : durability == Durability::normal ? "PRAGMA synchronous = NORMAL"
                                                    : "PRAGMA synchronous = OFF");
  database_.exec(kCheckpoint);
  database_.exec(kCache);
}

SQLite::Database open_for_reading(const fs::path& path) {
  // Opened for writing where possible: after a crash, the first reader may have to tidy up.
  try {
    SQLite::Database database(path.string(), SQLite::OPEN_READWRITE, kReaderPatienceMs);
    database.exec("PRAGMA query_only = ON");
    check_schema(database, path);
    return database;
  } catch (const SQLite::Exception&) {
    SQLite::Database database = open(path, SQLite::OPEN_READONLY, kReaderPatienceMs, "");
    try {
      check_schema(database, path);
    } catch (const SQLite::Exception& e) {
      throw database_error(e, "read", path);
    }
    return database;
  }
}

}  // namespace drover::journal
