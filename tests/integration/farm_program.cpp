// A program that uses the library, with real ranks: `farm_program [drover's options] SCENARIO`. The status
// is 0 if all that the scenario expects is so; what is not is said on stderr.

#include <unistd.h>

#include <algorithm>
#include <csignal>
#include <cstdio>
#include <drover/control/control_client.hpp>
#include <drover/farm.hpp>
#include <filesystem>
#include <fstream>
#include <map>
#include <set>
#include <thread>
#include <utility>

#include "farm_tasks.hpp"

namespace {

using namespace std::chrono_literals;
using farm_tasks::comes_true;
using farm_tasks::Dictionary;
using farm_tasks::Reading;
using farm_tasks::resident_kib;
using farm_tasks::Tasks;

int num_faults = 0;
int tree_depth = 16;
constexpr long kMostGrown = 64L << 10;

void expect(bool is_so, const std::string& what) {
  if (is_so) return;
  std::fprintf(stderr, "not so: %s\n", what.c_str());
  ++num_faults;
}

template <class Failure, class F>
std::string text_of(const std::string& what, F&& f) {
  try {
    f();
    expect(false, what + " throws");
  } catch (const Failure& e) {
    return e.what();
  } catch (const std::exception& e) {
    expect(false, what + " throws what it should, not: " + e.what());
  }
  return "";
}

// --- scenarios --------------------------------------------------------------------------------

void values(drover::Session& session, const Tasks& tasks, const std::string& scratch) {
  expect(session.submit(tasks.square, 7).get() == 49, "7 * 7 is 49");
  expect(session.submit(tasks.weigh, Reading{"r", {1, 2, 3.5}}, 2).get() == 13, "several parameters arrive");
  expect(session.submit(tasks.shout, std::make_unique<Reading>(Reading{"ho", {}})).get()->name == "ho!",
         "what can only be moved arrives");
  session.submit(tasks.touch, scratch + "/touched").get();
  expect(std::filesystem::exists(scratch + "/touched"), "a task without a result was executed");
  expect(session.submit(tasks.about).get() == "session, attempt 1, slot 1", "a task knows about itself");

  const int pid = session.submit(tasks.table_pid).get();
  expect(pid > 0 && pid != ::getpid(), "a worker's state is made there");
}

void maps(drover::Session& session, const Tasks& tasks, const std::string&) {
  int expected = 0;
  for (auto& result : session.map(tasks.square, std::views::iota(0, 500), {.window = 16})) {
    expect(result.index() == static_cast<std::size_t>(expected), "results are in order");
    expect(result.get() == expected * expected, "each is its own");
    ++expected;
  }
  expect(expected == 500, "there is a result for each");

  std::vector<int> delays(20, 1);
  delays[0] = 1500;
  std::vector<std::size_t> order;
  for (auto& result : session.map_unordered(tasks.sleep, delays)) order.push_back(result.index());
  expect(order.size() == 20 && order.front() != 0, "unordered, the slow one does not come first");
  std::sort(order.begin(), order.end());
  expect(std::adjacent_find(order.begin(), order.end()) == order.end(), "unordered, each comes once");

  const std::vector<std::tuple<std::string, int>> pairs;
  for (auto& result : session.map(tasks.flaky, pairs)) expect(!result.is_valid(), "an empty range has no results");
}

void chunks(drover::Session& session, const Tasks& tasks, const std::string& scratch) {
  int num = 0;
  for (auto& chunk : session.map_chunks(tasks.square, std::views::iota(0, 1000), 7, {.window = 16})) {
    expect(chunk.first() == static_cast<std::size_t>(num), "chunks are in order");
    expect(chunk.size() == (num == 994 ? 6 : 7), "the last chunk has what is left");
    for (const int result : chunk.get()) expect(result == num * num, "each call has its own result"), ++num;
  }
  expect(num == 1000, "there is a result for each argument");
  expect(session.status().counts.succeeded == 143, "a chunk is one task");

  const auto argument = [&](int i) { return std::tuple(i == 15 ? scratch + "/dead in a chunk" : scratch, i); };
  num = 0;
  for (auto& chunk : session.map_chunks(tasks.deadly, std::views::iota(0, 30) | std::views::transform(argument), 10))
    for (const int result : chunk.get()) expect(result == num++, "a chunk is executed again when a worker dies");
  expect(num == 30, "a death costs no result");

  const auto movable = [](int i) { return std::make_unique<Reading>(Reading{std::to_string(i), {}}); };
  for (auto& chunk : session.map_chunks(tasks.shout, std::views::iota(0, 3) | std::views::transform(movable), 3))
    expect(chunk.get().back()->name == "2!", "what can only be moved arrives in a chunk");

  const std::vector<std::string> marks{scratch + "/one", scratch + "/two"};
  for (auto& chunk : session.map_chunks(tasks.touch, marks, 2)) chunk.get();
  expect(std::filesystem::exists(marks[1]), "calls without a result are executed");

  for (auto& chunk : session.map_chunks(tasks.refuse, std::views::iota(5, 7), 2))
    expect(text_of<drover::TaskFailed>("a chunk with a call that throws", [&] { chunk.get(); }) == "not 5",
           "a chunk fails as the first of its calls that does");
  for (auto& chunk : session.map_chunks(tasks.square, std::vector<int>{}, 3))
    expect(chunk.size() > 0, "an empty range has no chunks");
}

void futures(drover::Session& session, const Tasks& tasks, const std::string&) {
  std::vector<drover::Future<int>> some{session.submit(tasks.sleep, 60'000), session.submit(tasks.square, 3)};
  expect(session.wait_any(some) == 1, "the quick one is there first");
  some[0].cancel();
  text_of<drover::TaskCancelled>("a cancelled task", [&] { some[0].get(); });

  int seen = 0;
  some[1].then([&](const drover::Future<int>& future) {
    session.submit(tasks.square, future.get()).then([&](const drover::Future<int>& next) { seen = next.get(); });
  });
  session.wait_all();
  expect(seen == 81, "what is to be done then is done, and may submit");

  const auto first = session.submit(tasks.sleep, 50);
  const auto second = session.submit({.after = {first}}, tasks.square, 2);
  expect(second.get() == 4 && first.is_ready(), "a task comes after others");
  const auto failed = session.submit(tasks.refuse, 1);
  text_of<drover::TaskCancelled>("one that comes after a failure",
                                 [&] { session.submit({.after = {failed}}, tasks.square, 2).get(); });
  const auto endless = session.submit(tasks.sleep, 60'000);
  expect(!endless.wait_for(20ms), "a wait can be limited");
  endless.cancel();
}

void failures(drover::Session& session, const Tasks& tasks, const std::string& scratch) {
  try {
    session.submit(tasks.refuse, 5).get();
    expect(false, "a task that throws has no result");
  } catch (const drover::TaskFailed& e) {
    expect(std::string(e.what()) == "not 5", std::string("an exception has its text, not: ") + e.what());
    expect(e.type() == "std::domain_error", "an exception has its type, not: " + e.type());
    expect(e.num_attempts() == 3, "it was tried again twice");
  }
  expect(session.submit(tasks.flaky, scratch + "/flaky", 0).get() == 2, "a second attempt can succeed");
  text_of<drover::TaskTimedOut>("a task that takes too long",
                                [&] { session.submit({.timeout = 30ms}, tasks.sleep, 60'000).get(); });
  const std::string unknown = text_of<drover::TaskFailed>("a task that nobody registered",
                                                          [&] { session.submit("unheard of", std::string()).get(); });
  expect(unknown.find("'unheard of'") != std::string::npos, "an unknown task is named: " + unknown);
}

void deaths(drover::Session& session, const Tasks& tasks, const std::string& scratch) {
  const auto argument = [&](int i) {
    return std::tuple(i % 25 == 24 ? scratch + "/dead" + std::to_string(i) : scratch, i);
  };
  int num = 0;
  for (auto& result : session.map(tasks.deadly, std::views::iota(0, 50) | std::views::transform(argument)))
    expect(result.get() == num++, "every result arrives though workers die");
  expect(num == 50, "there is a result for each");
}

void worker_objects(drover::Session& session, const Tasks&, const std::string&) {
  expect(session.submit("measure", "four").get() == "measure of 4 for the session", "a TaskWorker finishes tasks");
  expect(text_of<drover::TaskFailed>("one that it fails", [&] { session.submit("measure", std::string()).get(); }) ==
             "nothing to measure",
         "it says why");
  expect(text_of<drover::TaskFailed>("one that it forgets", [&] { session.submit("measure", "silent").get(); }) ==
             "work() ended without finish() or fail()",
         "it is told so");
}

/// More tasks wait for others than there are slots, many times over.
void trees(drover::Session& session, const Tasks& tasks, const std::string&) {
  expect(session.submit(tasks.fibonacci, 10).get() == 55, "tasks make tasks, and wait for them");
  expect(session.submit(tasks.scatter, 100).get() == 328350, "a task maps others");
  expect(session.submit(tasks.unlucky_parent, 7).get() == -7, "a failure arrives at the task that made it");
  std::vector<drover::Future<int>> several;
  for (int i = 0; i < 8; ++i) several.push_back(session.submit(tasks.fibonacci, 6));
  for (const auto& one : several) expect(one.get() == 8, "several trees at once");
}

/// Tasks whose owner dies are executed all the same, and nobody waits for them for ever.
void orphans(drover::Session& session, const Tasks& tasks, const std::string& scratch) {
  constexpr int kNum = 40;
  expect(session.submit(tasks.dying_owner, scratch, kNum).get() == kNum, "the owner's task is executed again");
  for (int i = 0; i < kNum; ++i)
    expect(comes_true([&] { return std::filesystem::exists(scratch + "/" + std::to_string(i)); }),
           "an orphan is executed");
}

/// A hundred thousand and more tasks that tasks made, without the master growing by what they are: `many 19` makes a
/// million. Says what it took.
void many(drover::Session& session, const Tasks& tasks, const std::string&) {
  const int depth = tree_depth;
  const long before = resident_kib();
  const auto begin = std::chrono::steady_clock::now();
  expect(session.submit(tasks.count_tree, depth).get() == (2 << depth) - 1, "a tree of tasks has all its leaves");
  const std::chrono::duration<double> seconds = std::chrono::steady_clock::now() - begin;
  const long grown = resident_kib() - before;
  std::printf("# figure: %d tasks made by tasks: %.0f a second, master grown by %ld MiB\n", (2 << depth) - 1,
              ((2 << depth) - 1) / seconds.count(), grown / 1024);
  expect(grown < kMostGrown, "the master does not hold what it has done with: " + std::to_string(grown) + " KiB");
  expect(session.submit(tasks.scatter, 1000).get() == 332833500, "a task maps others");
  const auto first = session.submit(tasks.scatter, 600);
  const auto second = session.submit(tasks.scatter, 800);
  expect(first.get() == 71820100 && second.get() == 170346800, "two tasks do so at once");
}

/// What a task says of its progress is seen by its owner and by clients.
void progress(drover::Session& session, const Tasks& tasks, const std::string& scratch) {
  const auto task = session.submit(tasks.halfway, scratch + "/end");
  expect(task.progress().fraction == 0, "at first there is none");
  expect(comes_true([&] { return task.progress().fraction == 0.5; }), "the owner hears of progress");
  expect(task.progress().text == "half of it", "the owner hears its words");
  drover::control::ControlClient client(session.status().run_dir, 20s);
  const drover::control::Request question = drover::control::request::Explain{drover::core::TaskId(1)};
  const std::string text = client.ask<drover::control::reply::Explanation>(question).text;
  expect(text.find("It has done 50 %: half of it.") != std::string::npos, "explain tells it, not: " + text);
  std::ofstream(scratch + "/end").put('\n');
  task.get();

  const auto hasty = session.submit(tasks.hasty);
  hasty.get();
  expect(hasty.progress().fraction == 1 && hasty.progress().text == "all of it", "the last word is heard");
  expect(session.submit(tasks.watch, scratch + "/end_of_watched").get() == "half of it",
         "a task hears of the progress of those that it made");
}

/// A task has ended when those that it made are handed in, also those that come after others.
void chains(drover::Session& session, const Tasks& tasks, const std::string& scratch) {
  session.submit(tasks.chain, scratch + "/second").get();
  expect(session.status().counts.accepted == 4, "all that was made is handed in, but what was cancelled before");
  expect(comes_true([&] { return std::filesystem::exists(scratch + "/second"); }), "and executed");
}

/// A client submits tasks of the program by name, and has their results.
void clients(drover::Session& session, const Tasks& tasks, const std::string&) {
  session.submit(tasks.square, 1).get();
  const std::string program = std::filesystem::read_symlink("/proc/self/exe").string();
  const std::string submit =
      program + " --drover submit --wait --run " + session.status().run_dir + " --function measure ";
  const auto said = [&](const std::string& arguments) {
    std::string text;
    FILE* pipe = ::popen((submit + arguments + " 2>&1").c_str(), "r");
    for (int c = 0; (c = std::fgetc(pipe)) != EOF;) text += static_cast<char>(c);
    return text + "exit " + std::to_string(WEXITSTATUS(::pclose(pipe)));
  };
  const std::string two = said("four a");
  expect(two.find("measure of 4 for the client 1\n") != std::string::npos &&
             two.find("measure of 1 for the client 1\n") != std::string::npos && two.ends_with("exit 0"),
         "a client has the results of its tasks, not: " + two);
  const std::string failed = said("silent");
  expect(failed.find("work() ended without finish() or fail()") != std::string::npos && failed.ends_with("exit 1"),
         "a client hears of a failure, not: " + failed);
}

/// Two tasks make far more tasks than a master is to hold, while none of these can be executed: they wait for room.
void floods(drover::Session& session, const Tasks& tasks, const std::string& scratch) {
  constexpr int kNum = 75'000;
  constexpr std::uint64_t kQueue = 100'000;
  const std::uint64_t most = kQueue + 4 * 4096;  // and what is on its way from two workers, or held there
  std::vector<drover::Future<void>> floods;
  for (int i = 0; i < 2; ++i) floods.push_back(session.submit(tasks.flood, kNum, scratch + "/begin"));
  expect(comes_true([&] { return session.status().counts.accepted >= kQueue; }, 60s), "the queue is full");
  std::uint64_t num_accepted = 0;
  (void)comes_true([&] {
    std::this_thread::sleep_for(500ms);
    return std::exchange(num_accepted, session.status().counts.accepted) == num_accepted;
  });
  expect(num_accepted < most, "no more is taken: " + std::to_string(num_accepted));
  expect(!floods[0].is_ready() && !floods[1].is_ready(), "those who submit wait");
  std::ofstream(scratch + "/begin").put('\n');
  std::uint64_t most_held = 0;
  while (!floods[0].is_ready() || !floods[1].is_ready()) {
    most_held = std::max(most_held, session.status().counts.unfinished());
    std::this_thread::sleep_for(10ms);
  }
  expect(most_held < most, "the bound holds while others end: " + std::to_string(most_held));
  for (const auto& flood : floods) flood.get();
  (void)comes_true([&] { return session.status().counts.unfinished() == 0; }, 60s);
  expect(session.status().counts.succeeded == 2 * kNum + 2, "all are executed");
}

/// What a task may do to itself ends it alone.
void isolated_faults(drover::Session& session, const Tasks& tasks, const std::string& scratch) {
  const int parent = session.submit(tasks.table_pid).get();
  expect(session.submit(tasks.own_pid).get() != parent, "a task has a process of its own");
  const auto neighbour = session.submit(tasks.sleep, 300);
  expect(text_of<drover::TaskFailed>("a crash", [&] { session.submit(tasks.crash, SIGSEGV).get(); }) ==
             "killed by signal 11 (SIGSEGV)",
         "a crash has its signal");
  expect(text_of<drover::TaskFailed>("an exit", [&] { session.submit(tasks.leave, 3).get(); }) == "exit status 3",
         "an exit has its status");
  expect(text_of<drover::TaskFailed>("an exit without fault", [&] { session.submit(tasks.leave, 0).get(); }) ==
             "ended its process without a result",
         "a process that ends by itself has no result");
  expect(neighbour.get() == 300, "a neighbour goes on");

  const std::string pid_file = scratch + "/pid";
  text_of<drover::TaskTimedOut>("a task that hears nothing",
                                [&] { session.submit({.timeout = 100ms}, tasks.deaf, pid_file).get(); });
  int pid = 0;
  std::ifstream(pid_file) >> pid;
  expect(pid > 0 && comes_true([&] { return ::kill(pid, 0) < 0; }), "a task that hears nothing is killed");

  constexpr long kLeakKib = 300L << 10;
  expect(session.submit(tasks.leak, kLeakKib).get() > kLeakKib, "a task may take much memory");
  expect(session.submit(tasks.leak, 1L).get() < kLeakKib, "what it leaks is gone with it");
  std::set<int> parents;
  for (int i = 0; i < 8; ++i) parents.insert(session.submit(tasks.table_pid).get());
  expect(parents.size() <= 2 && parents.contains(parent), "no worker was lost");
}

/// The same, as far as threads can do it: what hears nothing is left behind, and others go on.
void thread_faults(drover::Session& session, const Tasks& tasks, const std::string& scratch) {
  text_of<drover::TaskTimedOut>("a task that hears nothing",
                                [&] { session.submit({.timeout = 100ms}, tasks.deaf, scratch + "/pid").get(); });
  expect(text_of<drover::TaskFailed>("a crash that comes back", [&] { session.submit(tasks.crash, SIGSEGV).get(); })
                 .find("several workers") != std::string::npos,
         "a task that crashes workers is set aside");
  constexpr long kLeakKib = 100L << 10;
  expect(session.submit(tasks.leak, kLeakKib).get() > kLeakKib, "a task may take much memory");
  expect(comes_true([&] { return session.submit(tasks.leak, 1L).get() > kLeakKib; }), "its worker keeps what it leaks");
  expect(session.submit(tasks.square, 3).get() == 9, "the farm goes on");
}

/// The program's own farm, asked and changed by the program.
void scaling(drover::Session& session, const Tasks& tasks, const std::string&) {
  session.submit(tasks.square, 1).get();
  const drover::FarmStatus before = session.status();
  expect(before.workers.size() == 2 && before.groups.size() == 1, "the status has the workers of the start");
  expect(before.counts.succeeded == 1 && before.counts.accepted == 1, "the status counts tasks");

  const std::vector<drover::FarmGroup> added = session.grow(1, {.slots_per_worker = 2, .via = drover::WayIn::spawn});
  expect(added.size() == 1 && added.front().num_workers == 1, "a group came");
  const drover::GroupId group = added.front().group;
  const drover::FarmStatus grown = session.status();
  expect(grown.workers.size() == 3 && grown.num_slots == before.num_slots + 2, "the status has its worker");
  std::vector<drover::Future<int>> busy;
  for (int i = 0; i < 4; ++i) busy.push_back(session.submit(tasks.sleep, 60'000));
  expect(comes_true([&] { return session.status().counts.executing == 4; }), "all slots have work");

  expect(session.drain(group, true).num_left == 1, "it left");
  expect(session.status().workers.size() == 2, "it is not there any more");
  for (const auto& one : busy) one.cancel();
  text_of<drover::Error>("draining a group that is not there", [&] { (void)session.drain(group); });
  text_of<drover::Error>("growing on a host that is not there", [&] {
    (void)session.grow(0, {.hosts = {{"no-such-host.invalid", 1}}});
  });
  expect(session.submit(tasks.square, 3).get() == 9, "the farm goes on");
}

/// A value that many tasks use, of several pieces, comes once to each process, also to one that comes late.
void broadcasts(drover::Session& session, const Tasks& tasks, const std::string&) {
  constexpr int kNumWords = 1'000'000;
  Dictionary dictionary;
  for (int i = 0; i < kNumWords; ++i) dictionary.words.push_back(3 * i);
  std::optional<drover::Broadcast<Dictionary>> shared = session.broadcast(dictionary);
  std::set<int> processes;
  const auto look_up_all = [&](std::size_t num_processes) {
    const auto arguments = [&](int i) { return std::tuple(*shared, kNumWords - 1 - i % 100); };
    for (int round = 0; round < 100 && processes.size() < num_processes; ++round)
      for (auto& result : session.map(tasks.look_up, std::views::iota(0, 50) | std::views::transform(arguments))) {
        const std::vector<int> got = result.get();
        expect(got[0] == 3 * (kNumWords - 1 - static_cast<int>(result.index()) % 100), "a task gets the value");
        expect(got[2] == 1, "a process loads it once");
        processes.insert(got[1]);
      }
    expect(processes.size() >= num_processes, "all workers took part");
  };
  look_up_all(2);
  session.grow(1);
  look_up_all(3);

  const auto first = session.submit(tasks.sleep, 300);
  const auto too_late = session.submit({.after = {first}}, tasks.look_up, *shared, 0);
  shared.reset();
  expect(text_of<drover::TaskFailed>("a value that was let go", [&] { too_late.get(); }).find("let go") !=
             std::string::npos,
         "the task says that the value was let go");
}

using Scenario = void (*)(drover::Session&, const Tasks&, const std::string&);
const std::map<std::string, Scenario> kScenarios{{"values", values},
                                                 {"maps", maps},
                                                 {"chunks", chunks},
                                                 {"futures", futures},
                                                 {"failures", failures},
                                                 {"deaths", deaths},
                                                 {"workers", worker_objects},
                                                 {"trees", trees},
                                                 {"orphans", orphans},
                                                 {"many", many},
                                                 {"progress", progress},
                                                 {"chains", chains},
                                                 {"clients", clients},
                                                 {"floods", floods},
                                                 {"scaling", scaling},
                                                 {"broadcasts", broadcasts},
                                                 {"isolated_faults", isolated_faults},
                                                 {"thread_faults", thread_faults}};

}  // namespace

int main(int argc, char** argv) {
  drover::Farm farm(argc, argv);
  const Tasks tasks(farm);
  const std::string name = argc > 1 ? argv[1] : "";
  if (argc > 2) tree_depth = std::atoi(argv[2]);
  return farm.run([&](drover::Session& session) {
    const auto scenario = kScenarios.find(name);
    if (scenario == kScenarios.end()) throw std::invalid_argument("there is no scenario '" + name + "'");
    std::string scratch = (std::filesystem::temp_directory_path() / "drover-farm-XXXXXX").string();
    if (::mkdtemp(scratch.data()) == nullptr) throw std::runtime_error("no temporary directory");
    scenario->second(session, tasks, scratch);
    std::filesystem::remove_all(scratch);
    return num_faults == 0 ? 0 : 1;
  });
}
