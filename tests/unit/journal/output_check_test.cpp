#include "drover/journal/output_check.hpp"

#include <algorithm>
#include <filesystem>
#include <functional>
#include <set>
#include <string>
#include <vector>

#include "drover/journal/output_index.hpp"
#include "drover/journal/output_store.hpp"
#include "support/catch.hpp"
#include "unit/journal/temporary_files.hpp"

namespace fs = std::filesystem;
using drover::core::AttemptId;
using drover::core::Stream;
using drover::core::TaskId;
using namespace drover::journal;
using drover::test::read_file;
using drover::test::TemporaryDirectory;
using drover::test::write_file;

namespace {

constexpr std::uint64_t kTasks = 12;

std::string output_of(std::uint64_t task) {
  return "out of " + std::to_string(task) + "\n";
}

/// A store in which tasks 1 to 12 have outputs, that of task 12 with a second attempt, and the records of those.
struct StoreFixture {
  explicit StoreFixture(OutputLayout its_layout) : layout(its_layout) {
    OutputStore store(directory, layout);
    for (std::uint64_t task = 1; task <= kTasks; ++task) {
      const AttemptId attempt{TaskId(task), task == kTasks ? 2U : 1U};
      store.append(attempt, Stream::out, output_of(task));
      store.append(attempt, Stream::err, std::string("error\n"));
      (void)store.commit(attempt);
      recorded.push_back({attempt, output_of(task).size(), 6, true});
    }
    store.flush();
  }

  [[nodiscard]] OutputRecords records() const {
    return {[this](AttemptId attempt) {
              return std::any_of(recorded.begin(), recorded.end(),
                                 [&](const RecordedOutput& output) { return output.attempt == attempt; });
            },
            [this](const OutputRecords::Visit& visit) {
              for (const RecordedOutput& output : recorded) visit(output);
            }};
  }
  [[nodiscard]] LostOutputs lost() const { return find_lost_outputs(directory, layout, records()); }
  [[nodiscard]] std::set<std::uint64_t> lost_tasks() const {
    std::set<std::uint64_t> tasks;
    for (const AttemptId& attempt : lost().attempts) tasks.insert(attempt.task.value);
    return tasks;
  }
  [[nodiscard]] fs::path file(const char* name) const { return directory / name; }

  /// Replaces the line of a task in the index.
  void edit(std::uint64_t task, const std::string& line) const {
    std::string text = read_file(file("index.tsv"));
    const std::size_t begin = text.find("\n" + std::to_string(task) + "\t") + 1;
    text.replace(begin, text.find('\n', begin) - begin, line);
    write_file(file("index.tsv"), text);
  }

  TemporaryDirectory base;
  fs::path directory = base / "outputs";
  OutputLayout layout;
  std::vector<RecordedOutput> recorded;
};

std::set<std::uint64_t> all_tasks() {
  std::set<std::uint64_t> tasks;
  for (std::uint64_t task = 1; task <= kTasks; ++task) tasks.insert(task);
  return tasks;
}

struct Damage {
  const char* name;
  std::function<void(const StoreFixture&)> inflict;
  std::set<std::uint64_t> lost;
};

/// Offsets are 9 bytes apart for tasks 1 to 9: "2	1	9	9	6	6".
const std::vector<Damage> kDamages{
    {"the index is gone", [](const auto& s) { fs::remove(s.file("index.tsv")); }, all_tasks()},
    {"the index is empty", [](const auto& s) { fs::resize_file(s.file("index.tsv"), 0); }, all_tasks()},
    {"the index has its header alone",
     [](const auto& s) { fs::resize_file(s.file("index.tsv"), kOutputIndexHeader.size()); }, all_tasks()},
    {"the index ends with task 10",
     [](const auto& s) {
       const std::string text = read_file(s.file("index.tsv"));
       fs::resize_file(s.file("index.tsv"), text.find("\n11\t") + 1);
     },
     {11, 12}},
    {"the last line is torn",
     [](const auto& s) { fs::resize_file(s.file("index.tsv"), fs::file_size(s.file("index.tsv")) - 1); },
     {12}},
    {"a line is gone", [](const auto& s) { s.edit(4, ""); }, {4}},
    {"a line is something else", [](const auto& s) { s.edit(4, "4\tfour"); }, {4}},
    {"the number of a task lost a digit", [](const auto& s) { s.edit(11, "1\t1\t91\t10\t60\t6"); }, {11}},
    {"an offset lost a digit", [](const auto& s) { s.edit(5, "5\t1\t6\t9\t24\t6"); }, {5}},
    {"an offset has another digit", [](const auto& s) { s.edit(5, "5\t1\t46\t9\t24\t6"); }, {5}},
    {"a length lost a digit", [](const auto& s) { s.edit(11, "11\t1\t91\t1\t60\t6"); }, {11}},
    {"the length of the last one lost a digit", [](const auto& s) { s.edit(12, "12\t2\t101\t1\t66\t6"); }, {12}},
    {"an attempt is another", [](const auto& s) { s.edit(12, "12\t1\t101\t10\t66\t6"); }, {12}},
    {"a number is beyond all bounds",
     [](const auto& s) { s.edit(12, "12\t2\t18446744073709551615\t10\t66\t6"); },
     {12}},
    {"stdout is gone", [](const auto& s) { fs::remove(s.file("stdout")); }, all_tasks()},
    {"stdout is empty", [](const auto& s) { fs::resize_file(s.file("stdout"), 0); }, all_tasks()},
    {"stdout was cut", [](const auto& s) { fs::resize_file(s.file("stdout"), 100); }, {11, 12}},
    {"stderr was cut", [](const auto& s) { fs::resize_file(s.file("stderr"), 71); }, {12}},
    {"all is gone", [](const auto& s) { fs::remove_all(s.directory); }, all_tasks()}};

}  // namespace

TEST_CASE("a store in which nothing is damaged has lost nothing") {
  const StoreFixture store(GENERATE(OutputLayout::combined, OutputLayout::per_task));
  CHECK(store.lost().is_empty());
}

TEST_CASE("what a crash leaves is no damage: entries and bytes that are not on record, and half a line") {
  StoreFixture store(OutputLayout::combined);
  store.recorded.pop_back();
  CHECK(store.lost().is_empty());
  drover::test::append_file(store.file("index.tsv"), "13\t1\t11");
  drover::test::append_file(store.file("stdout"), "more");
  CHECK(store.lost().is_empty());
}

TEST_CASE(
    "outputs that are on record and not in the store are found, whatever happened to it, and nothing is changed") {
  for (const Damage& damage : kDamages) {
    INFO(damage.name);
    const StoreFixture store(OutputLayout::combined);
    damage.inflict(store);
    const std::string index = fs::exists(store.file("index.tsv")) ? read_file(store.file("index.tsv")) : "none";
    CHECK(store.lost_tasks() == damage.lost);
    CHECK_FALSE(store.lost().reason.empty());
    CHECK((fs::exists(store.file("index.tsv")) ? read_file(store.file("index.tsv")) : "none") == index);
  }
}

TEST_CASE("files of tasks that are gone or cut are found") {
  const StoreFixture store(OutputLayout::per_task);
  fs::remove(store.file("3.out"));
  fs::resize_file(store.file("7.err"), 2);
  CHECK(store.lost_tasks() == std::set<std::uint64_t>{3, 7});
  CHECK(store.lost().reason == "3.out has 0 bytes, where 9 were stored");
}

TEST_CASE("lost outputs that are given up are not missed again, and no byte that is there is dropped") {
  for (const Damage& damage : kDamages) {
    INFO(damage.name);
    const StoreFixture store(OutputLayout::combined);
    damage.inflict(store);
    const auto bytes = [&](const char* name) {
      return fs::exists(store.file(name)) ? read_file(store.file(name)) : std::string();
    };
    const std::string out = bytes("stdout");
    const std::string index = bytes("index.tsv");
    fs::create_directories(store.directory);
    give_up_outputs(store.directory, store.layout, store.lost());
    CHECK(store.lost().is_empty());
    if (!index.empty()) CHECK(bytes("index.tsv.damaged-1") == index);
    {
      OutputStore again(store.directory, store.layout, store.records());
      CHECK(bytes("stdout") == out);
      again.append({TaskId(40), 1}, Stream::out, std::string("forty"));
      (void)again.commit({TaskId(40), 1});
      again.flush();
    }
    CHECK(bytes("stdout") == out + "forty");
    CHECK(store.lost().is_empty());
  }
}

TEST_CASE("tasks that run again are not missed, and what they print now is") {
  StoreFixture store(OutputLayout::combined);
  store.edit(4, "rubbish");
  std::erase_if(store.recorded, [](const RecordedOutput& output) { return output.attempt.task == TaskId(4); });
  CHECK(store.lost().is_empty());
  {
    OutputStore again(store.directory, store.layout, store.records());
    again.append({TaskId(4), 2}, Stream::out, std::string("again\n"));
    (void)again.commit({TaskId(4), 2});
    again.flush();
  }
  store.recorded.push_back({{TaskId(4), 2}, 6, 0, true});
  CHECK(store.lost().is_empty());
  store.recorded.back().stdout_bytes = 7;
  CHECK(store.lost_tasks() == std::set<std::uint64_t>{4});
}

TEST_CASE("of what a function printed, the store may have more than its record says") {
  StoreFixture store(OutputLayout::combined);
  store.recorded.front().is_exact = false;
  store.recorded.front().stdout_bytes = 1;
  CHECK(store.lost().is_empty());
  store.edit(1, "rubbish");
  CHECK(store.lost_tasks() == std::set<std::uint64_t>{1});
}

TEST_CASE("the error names the tasks, the directory, the first thing that is wrong, and what can be done") {
  const StoreFixture store(OutputLayout::combined);
  fs::resize_file(store.file("stdout"), 100);
  CHECK(lost_outputs_error("/r/outputs", store.lost()).what() ==
        std::string("the outputs of tasks 11-12 are on record, and not in '/r/outputs' any more (stdout has 100 bytes, "
                    "where 101 were stored): put back what is missing, or run them again with --rerun 'id BETWEEN 11 "
                    "AND 12', or go on without them with --without-lost-outputs"));
}
