#include "drover/journal/output_store.hpp"

#include <algorithm>
#include <fstream>
#include <map>
#include <random>
#include <set>
#include <string>
#include <vector>

#include "support/catch.hpp"
#include "unit/journal/temporary_files.hpp"

namespace fs = std::filesystem;
using drover::core::AttemptId;
using drover::core::Stream;
using drover::core::TaskId;
using drover::journal::OutputLayout;
using drover::journal::OutputReader;
using drover::journal::OutputRecords;
using drover::journal::OutputStore;
using drover::journal::StoredOutput;
using drover::test::read_file;
using drover::test::TemporaryDirectory;

namespace {

AttemptId attempt(std::uint64_t task, std::uint32_t n = 1) {
  return {TaskId(task), n};
}

StoredOutput put(OutputStore& store, AttemptId id, const std::string& out, const std::string& err = {}) {
  store.append(id, Stream::out, out);
  store.append(id, Stream::err, err);
  return store.commit(id);
}

std::string get(const OutputReader& reader, TaskId task, Stream stream, const StoredOutput& output) {
  std::string all;
  reader.read(task, stream, output.of(stream), [&](std::string_view bytes) {
    all += bytes;
    return true;
  });
  return all;
}

/// Different for each seed and without structure, so that nothing lost, moved or doubled goes unseen.
std::string noise(std::uint64_t seed, std::size_t size) {
  std::mt19937_64 random(seed);
  std::string bytes(size, '\0');
  for (char& c : bytes) c = static_cast<char>(random());
  return bytes;
}

std::size_t num_open_fds() {
  return static_cast<std::size_t>(std::distance(fs::directory_iterator("/proc/self/fd"), fs::directory_iterator()));
}

std::size_t peak_rss_kib() {
  std::ifstream status("/proc/self/status");
  for (std::string word; status >> word;) {
    if (word == "VmHWM:") {
      std::size_t kib = 0;
      status >> kib;
      return kib;
    }
  }
  return 0;
}

/// Peak memory since it was made; tells nothing under a sanitizer that shadows all memory.
class PeakMemory {
 public:
  PeakMemory() {
    std::ofstream("/proc/self/clear_refs") << "5";
    before_kib_ = peak_rss_kib();
  }
  [[nodiscard]] std::size_t growth_mib() const {
#ifdef __SANITIZE_THREAD__
    return 0;
#else
    return (peak_rss_kib() - before_kib_) / 1024;
#endif
  }

 private:
  std::size_t before_kib_ = 0;
};

}  // namespace

TEST_CASE("outputs come back as they were, in either layout") {
  const auto layout = GENERATE(OutputLayout::combined, OutputLayout::per_task);
  const TemporaryDirectory base;
  OutputStore store(base / "outputs", layout);
  // Around the limits of memory (16 KiB), block (256 KiB) and write buffer (64 KiB).
  const std::vector<std::size_t> sizes{0, 1, 16'383, 16'384, 16'385, 65'536, 262'143, 262'144, 262'145, 700'000};
  std::map<TaskId, StoredOutput> stored;
  for (std::uint64_t i = 0; i < sizes.size(); ++i) {
    stored[TaskId(i + 1)] = put(store, attempt(i + 1), noise(i, sizes[i]), noise(100 + i, sizes[sizes.size() - 1 - i]));
  }
  store.flush();
  const OutputReader reader = store.reader();
  for (std::uint64_t i = 0; i < sizes.size(); ++i) {
    const TaskId task(i + 1);
    CHECK((get(reader, task, Stream::out, stored[task]) == noise(i, sizes[i])));
    CHECK((get(reader, task, Stream::err, stored[task]) == noise(100 + i, sizes[sizes.size() - 1 - i])));
  }
}

TEST_CASE("combined outputs follow each other without gaps, and the index says where") {
  const TemporaryDirectory base;
  OutputStore store(base / "outputs", OutputLayout::combined);
  put(store, attempt(3), "three\n");
  put(store, attempt(1, 2), "one", "err\n");
  CHECK(store.commit(attempt(2)).is_empty());
  store.flush();
  CHECK(read_file(base / "outputs/stdout") == "three\none");
  CHECK(read_file(base / "outputs/stderr") == "err\n");
  CHECK(read_file(base / "outputs/index.tsv") ==
        "task\tattempt\tstdout_offset\tstdout_length\tstderr_offset\tstderr_length\n"
        "3\t1\t0\t6\t0\t0\n1\t2\t6\t3\t0\t4\n");
}

TEST_CASE("per-task files exist for streams that are not empty") {
  const TemporaryDirectory base;
  OutputStore store(base / "outputs", OutputLayout::per_task);
  put(store, attempt(1), "out", "");
  put(store, attempt(2), "", "err");
  (void)store.commit(attempt(3));
  CHECK(read_file(base / "outputs/1.out") == "out");
  CHECK_FALSE(fs::exists(base / "outputs/1.err"));
  CHECK(read_file(base / "outputs/2.err") == "err");
  CHECK_FALSE(fs::exists(base / "outputs/3.out"));
}

TEST_CASE("a discarded attempt leaves nothing, and its successor is not mixed with it") {
  const TemporaryDirectory base;
  OutputStore store(base / "outputs", OutputLayout::combined);
  store.append(attempt(1, 1), Stream::out, noise(1, 300'000));
  store.append(attempt(1, 2), Stream::out, std::string("second"));
  store.discard(attempt(1, 1));
  store.discard(attempt(9, 9));
  const StoredOutput output = store.commit(attempt(1, 2));
  store.flush();
  CHECK(output.out.length == 6);
  CHECK(read_file(base / "outputs/stdout") == "second");
}

TEST_CASE("a thousand attempts that all spill share one descriptor and no bytes") {
  const TemporaryDirectory base;
  OutputStore store(base / "outputs", OutputLayout::combined);
  const std::size_t fds_before = num_open_fds();
  constexpr std::uint64_t kAttempts = 1000;
  for (int round = 0; round < 3; ++round) {
    for (std::uint64_t task = 1; task <= kAttempts; ++task) {
      store.append(attempt(task), Stream::out,
                   noise(task, 30'000).substr(static_cast<std::size_t>(round) * 10'000, 10'000));
    }
  }
  CHECK(num_open_fds() <= fds_before + 1);
  std::vector<std::uint64_t> order(kAttempts);
  for (std::uint64_t i = 0; i < kAttempts; ++i) order[i] = i + 1;
  std::shuffle(order.begin(), order.end(), std::mt19937(7));
  std::map<std::uint64_t, StoredOutput> stored;
  for (const std::uint64_t task : order) stored[task] = store.commit(attempt(task));
  store.flush();
  const OutputReader reader = store.reader();
  for (const auto& [task, output] : stored)
    REQUIRE((get(reader, TaskId(task), Stream::out, output) == noise(task, 30'000)));
  CHECK(std::distance(fs::directory_iterator(base / "outputs"), fs::directory_iterator()) == 3);
}

TEST_CASE("blocks of the spool are used again, and never by two attempts at once") {
  const TemporaryDirectory base;
  OutputStore store(base / "outputs", OutputLayout::combined);
  std::mt19937 random(11);
  std::map<std::uint64_t, std::string> open;
  std::map<std::uint64_t, std::pair<StoredOutput, std::string>> done;
  std::uint64_t next = 1;
  for (int step = 0; step < 400; ++step) {
    if (open.size() < 8) open[next++];
    auto& [task, bytes] = *std::next(open.begin(), static_cast<std::ptrdiff_t>(random() % open.size()));
    const std::string more = noise(random(), random() % 200'000);
    store.append(attempt(task), Stream::err, more);
    bytes += more;
    const auto choice = random() % 10;
    if (choice > 2) continue;
    if (choice == 0) {
      store.discard(attempt(task));
    } else {
      done[task] = {store.commit(attempt(task)), bytes};
    }
    open.erase(task);
  }
  store.flush();
  const OutputReader reader = store.reader();
  for (const auto& [task, expected] : done) {
    REQUIRE((get(reader, TaskId(task), Stream::err, expected.first) == expected.second));
  }
}

TEST_CASE("large outputs pass through bounded memory") {
  const TemporaryDirectory base;
  OutputStore store(base / "outputs", OutputLayout::combined);
  const std::string chunk = noise(1, 64 * 1024);
  const PeakMemory memory;
  constexpr std::uint64_t kTasks = 3;
  constexpr int kChunks = 1600;  // 100 MiB each
  for (int i = 0; i < kChunks; ++i) {
    for (std::uint64_t task = 1; task <= kTasks; ++task) store.append(attempt(task), Stream::out, chunk);
  }
  std::vector<StoredOutput> stored;
  for (std::uint64_t task = 1; task <= kTasks; ++task) stored.push_back(store.commit(attempt(task)));
  store.flush();
  const OutputReader reader = store.reader();
  for (std::uint64_t task = 1; task <= kTasks; ++task) {
    std::uint64_t length = 0;
    bool is_same = true;
    reader.read(TaskId(task), Stream::out, stored[task - 1].out, [&](std::string_view bytes) {
      for (const char c : bytes) is_same = is_same && c == chunk[length++ % chunk.size()];
      return true;
    });
    CHECK(length == kChunks * chunk.size());
    CHECK(is_same);
  }
  CHECK(memory.growth_mib() < 16);
}

TEST_CASE("short outputs of very many attempts are bounded in memory too") {
  const TemporaryDirectory base;
  OutputStore store(base / "outputs", OutputLayout::combined);
  const std::string bytes = noise(1, 16'000);
  const PeakMemory memory;
  constexpr std::uint64_t kAttempts = 12'000;  // 183 MiB
  for (std::uint64_t task = 1; task <= kAttempts; ++task) store.append(attempt(task), Stream::out, bytes);
  CHECK(memory.growth_mib() < 100);
  for (std::uint64_t task = 1; task <= kAttempts; ++task)
    REQUIRE(store.commit(attempt(task)).out.length == bytes.size());
  store.flush();
  CHECK(fs::file_size(base / "outputs/stdout") == kAttempts * bytes.size());
}

TEST_CASE("what is readable stays readable while more is appended") {
  const TemporaryDirectory base;
  OutputStore store(base / "outputs", OutputLayout::combined);
  const OutputReader reader = store.reader();
  for (std::uint64_t task = 1; task <= 2000; ++task) {
    const std::string bytes = noise(task, task % 50);
    const StoredOutput output = put(store, attempt(task), bytes);
    store.flush();
    REQUIRE(get(reader, TaskId(task), Stream::out, output) == bytes);
  }
}

TEST_CASE("reading what is not there is an error") {
  const auto layout = GENERATE(OutputLayout::combined, OutputLayout::per_task);
  const TemporaryDirectory base;
  OutputStore store(base / "outputs", layout);
  StoredOutput output = put(store, attempt(1), "abc");
  store.flush();
  output.out.length = 4;
  CHECK_THROWS_AS(get(store.reader(), TaskId(1), Stream::out, output), drover::Error);
}

TEST_CASE("a crash after the flush keeps all, a crash before it leaves a store that opens") {
  const auto layout = GENERATE(OutputLayout::combined, OutputLayout::per_task);
  const TemporaryDirectory base;
  REQUIRE(drover::test::crash_using<OutputStore>(
      [&](OutputStore& store) {
        put(store, attempt(1), "one\n", "e1\n");
        put(store, attempt(2), noise(2, 500'000));
        store.flush();
        put(store, attempt(3), noise(3, 500'000), "e3\n");
        put(store, attempt(4), "unrecorded");
        store.append(attempt(5), Stream::out, noise(5, 500'000));
      },
      base / "outputs", layout));
  OutputStore store(base / "outputs", layout);
  const StoredOutput again = put(store, attempt(3, 2), "three again\n");
  CHECK(store.commit(attempt(4, 2)).is_empty());
  store.flush();
  CHECK(get(store.reader(), TaskId(3), Stream::out, again) == "three again\n");
  if (layout == OutputLayout::combined) {
    CHECK(read_file(base / "outputs/stdout") == "one\n" + noise(2, 500'000) + "three again\n");
    CHECK(read_file(base / "outputs/stderr") == "e1\n");
    CHECK(read_file(base / "outputs/index.tsv") ==
          "task\tattempt\tstdout_offset\tstdout_length\tstderr_offset\tstderr_length\n"
          "1\t1\t0\t4\t0\t3\n2\t1\t4\t500000\t3\t0\n3\t2\t500004\t12\t3\t0\n");
  } else {
    CHECK(read_file(base / "outputs/1.err") == "e1\n");
    CHECK((read_file(base / "outputs/2.out") == noise(2, 500'000)));
    CHECK(read_file(base / "outputs/3.out") == "three again\n");
    CHECK_FALSE(fs::exists(base / "outputs/3.err"));
    CHECK_FALSE(fs::exists(base / "outputs/4.out"));
  }
}

TEST_CASE("outputs that the journal does not know are dropped, so that none is doubled") {
  const auto layout = GENERATE(OutputLayout::combined, OutputLayout::per_task);
  const TemporaryDirectory base;
  {
    OutputStore store(base / "outputs", layout);
    for (std::uint64_t task = 1; task <= 5; ++task) put(store, attempt(task), "task " + std::to_string(task) + "\n");
    store.flush();
  }
  const std::set<std::uint64_t> recorded{1, 2, 3};
  OutputRecords records = OutputRecords::none();
  records.is_recorded = [&](AttemptId id) { return recorded.contains(id.task.value); };
  OutputStore store(base / "outputs", layout, records);
  CHECK_FALSE(fs::exists(base / "outputs/4.out"));
  CHECK_THAT(
      read_file(base / "outputs/index.tsv"),
      Catch::Matchers::EndsWith(layout == OutputLayout::combined ? "\n3\t1\t14\t7\t0\t0\n" : "\n3\t1\t0\t7\t0\t0\n"));
  put(store, attempt(4, 2), "", "fourth\n");
  (void)store.commit(attempt(5, 2));
  store.flush();
  if (layout == OutputLayout::combined) {
    CHECK(read_file(base / "outputs/stdout") == "task 1\ntask 2\ntask 3\n");
    CHECK(read_file(base / "outputs/stderr") == "fourth\n");
  } else {
    CHECK(fs::exists(base / "outputs/3.out"));
    CHECK(read_file(base / "outputs/4.err") == "fourth\n");
    CHECK_FALSE(fs::exists(base / "outputs/5.out"));
  }
}

TEST_CASE("an index cut at any byte opens with the whole entries before the cut") {
  const TemporaryDirectory base;
  {
    OutputStore store(base / "whole", OutputLayout::combined);
    for (std::uint64_t task = 1; task <= 12; ++task) put(store, attempt(task), std::to_string(task) + ";", "e");
  }
  const std::string index = read_file(base / "whole/index.tsv");
  const std::string out = read_file(base / "whole/stdout");
  for (std::size_t cut = 0; cut <= index.size(); ++cut) {
    fs::remove_all(base / "cut");
    fs::copy(base / "whole", base / "cut");
    fs::resize_file(base / "cut/index.tsv", cut);
    { const OutputStore store(base / "cut", OutputLayout::combined); }
    const auto num_lines = std::count(index.begin(), index.begin() + static_cast<std::ptrdiff_t>(cut), '\n');
    std::string expected;
    for (int task = 1; task < num_lines; ++task) expected += std::to_string(task) + ";";
    REQUIRE(read_file(base / "cut/stdout") == expected);
    REQUIRE(read_file(base / "cut/stderr").size() ==
            static_cast<std::size_t>(std::max<std::ptrdiff_t>(num_lines - 1, 0)));
  }
}

TEST_CASE("entries whose bytes did not reach the disk, or that make no sense, are dropped") {
  const TemporaryDirectory base;
  {
    OutputStore store(base / "outputs", OutputLayout::combined);
    put(store, attempt(1), "one\n");
    put(store, attempt(2), "two\n");
  }
  drover::test::append_file(base / "outputs/index.tsv", "3\t1\t8\tmany\t0\t0\nrubbish\n4\t1\t8\n5\t1\t0\t0\t0\t0\t0\n");
  fs::resize_file(base / "outputs/stdout", 6);
  OutputStore store(base / "outputs", OutputLayout::combined);
  put(store, attempt(2, 2), "two again\n");
  store.flush();
  CHECK(read_file(base / "outputs/stdout") == "one\ntwo again\n");
}

TEST_CASE("a file that is no index is refused, not overwritten") {
  const TemporaryDirectory base;
  drover::test::write_file(base / "index.tsv", "my own table\n1\t2\n");
  CHECK_THROWS_WITH(OutputStore(base.path(), OutputLayout::combined), Catch::Matchers::Matches(".*not an index.*"));
  CHECK(read_file(base / "index.tsv") == "my own table\n1\t2\n");
}

TEST_CASE("a full disk is an error that names the file, and what was stored before stays") {
  const drover::test::SmallDisk disk("1m");
  if (!disk.is_available()) {
    WARN("skipped: only root can mount a small file system");
    return;
  }
  const std::string first = noise(1, 100'000);
  {
    OutputStore store(disk.path() / "outputs", OutputLayout::combined);
    put(store, attempt(1), first);
    store.flush();
    const auto fill = [&] {
      for (int i = 0; i < 100; ++i) store.append(attempt(2), Stream::out, noise(2, 30'000));
    };
    CHECK_THROWS_WITH(fill(), Catch::Matchers::StartsWith("cannot write '" + disk.path().string()) &&
                                  Catch::Matchers::Matches(".*No space left on device.*"));
  }
  {
    OutputStore store(disk.path() / "outputs", OutputLayout::combined);
    store.append(attempt(2, 2), Stream::out, noise(2, 600'000));
    CHECK_THROWS_WITH(store.commit(attempt(2, 2)), Catch::Matchers::Matches(".*No space left on device.*"));
  }
  const OutputStore store(disk.path() / "outputs", OutputLayout::combined);
  CHECK(read_file(disk.path() / "outputs/stdout") == first);
}
