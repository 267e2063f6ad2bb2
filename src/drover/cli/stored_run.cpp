#include "drover/cli/stored_run.hpp"

#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include <CLI/CLI.hpp>
#include <algorithm>
#include <array>
#include <filesystem>
#include <nlohmann/json.hpp>
#include <string_view>
#include <utility>

#include "drover/journal/run_directory.hpp"
#include "drover/support/error.hpp"
#include "drover/transport/mpi_session.hpp"

namespace drover::cli {

namespace fs = std::filesystem;
using nlohmann::json;

namespace {

constexpr const char* kStdin = "-";
/// These say which run is meant, or how this one call is to deal with it.
constexpr std::array<std::string_view, 12> kOfOneCall{
    "config", "continue", "dry-run",       "hosts",         "hostfile", "joblog-import",
    "rerun",  "resume",   "resume-failed", "changed-input", "run-dir",  "without-lost-outputs"};
constexpr std::array<std::string_view, 2> kPaths{"output-dir", "workdir"};

template <std::size_t n>
bool is_among(const std::array<std::string_view, n>& names, const std::string& name) {
  return std::find(names.begin(), names.end(), name) != names.end();
}

bool is_regular_file(const std::string& path) {
  std::error_code ignored;
  return fs::is_regular_file(path, ignored);
}

bool exists(const std::string& path) {
  std::error_code ignored;
  return fs::exists(path, ignored);
}

/// The path of the file behind a descriptor; empty if it is none.
std::string file_behind(int fd) {
  struct stat status {};
  if (::fstat(fd, &status) != 0 || !S_ISREG(status.st_mode)) return "";
  // From its middle on it is another input than from its beginning.
  if (::lseek(fd, 0, SEEK_CUR) != 0) return "";
  std::error_code error;
  const fs::path path = fs::read_symlink("/proc/self/fd/" + std::to_string(fd), error);
  return !error && is_regular_file(path.string()) ? path.string() : "";
}

/// JSON holds text only: words that are none become lists of bytes.
json encode_word(const std::string& word) {
  try {
    (void)json(word).dump();
    return word;
  } catch (const json::type_error&) {
    return std::vector<unsigned char>(word.begin(), word.end());
  }
}

std::string decode_word(const json& word) {
  if (word.is_string()) return word.get<std::string>();
  const auto bytes = word.get<std::vector<unsigned char>>();
  return {bytes.begin(), bytes.end()};
}

json encode_words(const std::vector<std::string>& words) {
  json list = json::array();
  for (const std::string& word : words) list.push_back(encode_word(word));
  return list;
}

std::vector<std::string> decode_words(const json& list) {
  std::vector<std::string> words;
  for (const json& word : list) words.push_back(decode_word(word));
  return words;
}

json encode_source(const ArgumentSource& source) {
  json encoded;
  if (source.kind == ArgumentSource::Kind::file)
    encoded = {{"file", encode_word(source.path)}};
  else
    encoded = {{"values", encode_words(source.values)}};
  if (source.is_linked) encoded["linked"] = true;
  return encoded;
}

ArgumentSource decode_source(const json& source) {
  const bool is_linked = source.value("linked", false);
  if (source.contains("file")) return {ArgumentSource::Kind::file, {}, decode_word(source.at("file")), is_linked};
  return {ArgumentSource::Kind::values, decode_words(source.at("values")), "", is_linked};
}

}  // namespace

StoredInput stored_input(const std::vector<std::string>& words, const std::vector<ArgumentSource>& sources,
                         int stdin_fd) {
  StoredInput input{words, sources, "", true};
  const bool has_stdin = reads_stdin(words, sources);
  if (has_stdin) input.stdin_path = file_behind(stdin_fd);
  input.can_be_read_again = !has_stdin || !input.stdin_path.empty();
  input.is_spooled =
      !input.can_be_read_again && ::isatty(stdin_fd) == 0 && (sources.empty() || sources.front().path == kStdin);
  const auto take_file = [&input](std::string& path) {
    if (path == kStdin) return;
    input.can_be_read_again = input.can_be_read_again && is_regular_file(path);
    path = fs::absolute(path).string();
  };
  if (sources.empty() && words.size() == 1 && !has_stdin) take_file(input.words.front());
  for (ArgumentSource& source : input.sources)
    if (source.kind == ArgumentSource::Kind::file) take_file(source.path);
  return input;
}

std::string encode_input(const StoredInput& input) {
  json sources = json::array();
  for (const ArgumentSource& source : input.sources) sources.push_back(encode_source(source));
  return json{{"words", encode_words(input.words)},
              {"sources", sources},
              {"stdin", encode_word(input.stdin_path)},
              {"can_be_read_again", input.can_be_read_again},
              {"spooled", input.is_spooled}}
      .dump();
}

StoredInput decode_input(const std::string& text) {
  try {
    const json input = json::parse(text);
    StoredInput stored;
    stored.words = decode_words(input.at("words"));
    for (const json& source : input.at("sources")) stored.sources.push_back(decode_source(source));
    stored.stdin_path = decode_word(input.at("stdin"));
    stored.can_be_read_again = input.at("can_be_read_again").get<bool>();
    stored.is_spooled = input.value("spooled", false);
    return stored;
  } catch (const json::exception& e) {
    throw Error(std::string("the run's journal does not say what its input is: ") + e.what());
  }
}

std::vector<journal::StoredOption> storable_options(const std::vector<Setting>& settings) {
  std::vector<journal::StoredOption> options;
  for (const Setting& setting : settings) {
    if (setting.origin == Setting::Origin::default_value || is_among(kOfOneCall, setting.name)) continue;
    journal::StoredOption option{setting.name, setting.values};
    if (is_among(kPaths, setting.name))
      for (std::string& value : option.values) value = fs::absolute(value).string();
    options.push_back(std::move(option));
  }
  std::sort(options.begin(), options.end(), [](const auto& a, const auto& b) { return a.name < b.name; });
  return options;
}

void apply_stored_options(CLI::App& app, const std::vector<journal::StoredOption>& stored) {
  for (const journal::StoredOption& option : stored) {
    CLI::Option* known = app.get_option_no_throw("--" + option.name);
    if (known == nullptr || known->count() > 0) continue;
    try {
      for (const std::string& value : option.values) known->add_result(value);
      known->run_callback();
    } catch (const CLI::Error& e) {
      throw Error("the run was started with --" + option.name + ", which this drover does not take: " + e.what());
    }
  }
}

void continue_if_begun(RunOptions& options, std::vector<ArgumentSource>& sources) {
  if (!options.continues || options.is_begun_here || options.is_resume() || options.run_dir.empty()) return;
  if (!exists((fs::path(options.run_dir) / "run.db").string())) return;
  options.resume = std::exchange(options.run_dir, "");
  // What standard input is, only the process on the user's terminal can tell.
  const StoredInput input = stored_input(options.words, sources, STDIN_FILENO);
  options.words.clear();
  sources.clear();
  if (transport::launcher_rank() != 0) return;
  const StoredInput begun = decode_input(read_resumed_run(options)->input);
  if (input.words != begun.words || !(input.sources == begun.sources))
    throw UsageError("the run in '" + options.resume +
                     "' was started with other input than this: name another --run-dir, or use --resume");
}

std::optional<journal::RunDescription> take_over_options(CLI::App& app, const RunOptions& options) {
  if (!options.is_resume()) return std::nullopt;
  try {
    std::optional<journal::RunDescription> run = read_resumed_run(options);
    apply_stored_options(app, run->options);
    return run;
  } catch (const Error&) {
    if (transport::launcher_rank() == 0) throw;
    return std::nullopt;
  }
}

std::optional<journal::RunDescription> read_resumed_run(const RunOptions& options) {
  if (!options.is_resume()) return std::nullopt;
  const journal::RunDirectory run = journal::RunDirectory::open(options.resumed_dir());
  SQLite::Database database = journal::open_for_reading(run.database());
  return journal::read_description(database, run.database());
}

}  // namespace drover::cli
