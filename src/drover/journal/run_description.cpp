#include "drover/journal/run_description.hpp"

#include <SQLiteCpp/Statement.h>
#include <SQLiteCpp/Transaction.h>

#include <map>

namespace drover::journal {

namespace {

void insert_options(SQLite::Database& database, const std::vector<StoredOption>& options) {
  SQLite::Statement row(database, "INSERT INTO options (name, position, value) VALUES (?, ?, ?)");
  for (const StoredOption& option : options) {
    for (std::size_t i = 0; i < option.values.size(); ++i) {
      row.bind(1, option.name);
      row.bind(2, static_cast<std::int64_t>(i));
      row.bind(3, option.values[i]);
      row.exec();
      row.reset();
    }
  }
}

void insert(SQLite::Database& database, const RunDescription& description) {
  SQLite::Statement meta(database, "INSERT INTO meta (key, value) VALUES (?, ?)");
  const std::map<std::string, std::string> values{{"run_id", description.run_id},
                                                  {"drover_version", description.drover_version},
                                                  {"created_at", std::to_string(description.created_at)},
                                                  {"directory", description.directory},
                                                  {"input", description.input}};
  for (const auto& [key, value] : values) {
    meta.bind(1, key);
    meta.bind(2, value);
    meta.exec();
    meta.reset();
  }
  insert_options(database, description.options);
}

}  // namespace
void create_run(const RunDirectory& run, const RunDescription& description, const DatabaseOptions& options) {
  RunDatabase database(run.database(), options);
  try {
    SQLite::Transaction transaction(database.get(), SQLite::TransactionBehavior::IMMEDIATE);
    insert(database.get(), description);
    transaction.commit();
  } catch (const SQLite::Exception& e) {
    throw database_error(e, "write", run.database());
  }
}

void write_options(RunDatabase& database, const std::vector<StoredOption>& options) {
  try {
    SQLite::Transaction transaction(database.get(), SQLite::TransactionBehavior::IMMEDIATE);
    database.get().exec("DELETE FROM options");
    insert_options(database.get(), options);
    transaction.commit();
  } catch (const SQLite::Exception& e) {
    throw database_error(e, "write", database.path());
  }
}

RunDescription read_description(SQLite::Database& database, const std::filesystem::path& path) {
  try {
    RunDescription description;
    std::map<std::string, std::string> meta;
    for (SQLite::Statement row(database, "SELECT key, value FROM meta"); row.executeStep();)
      meta[row.getColumn(0).getString()] = row.getColumn(1).getString();
    if (!meta.contains("run_id"))
      throw Error("'" + path.string() + "' describes no run: drover died as it began it; start it anew elsewhere");
    description.run_id = meta["run_id"];
    description.drover_version = meta["drover_version"];
    description.created_at = std::stoll(meta["created_at"]);
    description.directory = meta["directory"];
    description.input = meta["input"];
    for (SQLite::Statement row(database, "SELECT name, value FROM options ORDER BY name, position");
         row.executeStep();) {
      const std::string name = row.getColumn(0).getString();
      if (description.options.empty() || description.options.back().name != name)
        description.options.push_back({name, {}});
      description.options.back().values.push_back(row.getColumn(1).getString());
    }
    return description;
  } catch (const SQLite::Exception& e) {
    throw database_error(e, "read", path);
  }
}

}  // namespace drover::journal
