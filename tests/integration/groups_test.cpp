// Groups that come and go, with real ranks. Started by hand (or ctest), this program starts an
// ompi-server and itself under mpirun, as the master; the master starts it again as members of groups.

#include <signal.h>
#include <sys/wait.h>
#include <unistd.h>

#include <algorithm>
#include <chrono>
#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <filesystem>
#include <fstream>
#include <functional>
#include <optional>
#include <set>
#include <string>
#include <thread>

#include "drover/runtime/child_process.hpp"
#include "drover/runtime/launcher.hpp"
#include "drover/runtime/ompi_server.hpp"
#include "drover/runtime/watchdog.hpp"
#include "drover/support/error.hpp"
#include "drover/transport/mpi_groups.hpp"
#include "drover/transport/mpi_transport.hpp"
#define CATCH_CONFIG_RUNNER  // this program has a main of its own
#include "support/catch.hpp"

using namespace drover;
using namespace drover::transport;
using namespace std::chrono_literals;

namespace {

constexpr auto kLimit = 30s;
/// Open MPI 4.1 may hang in a spawn that follows a departure at once.
constexpr auto kPauseBeforeSpawn = 1100ms;
constexpr int kPopulation = 2;

std::string self() {
  return std::filesystem::read_symlink("/proc/self/exe").string();
}

std::filesystem::path temporary_file(const std::string& what) {
  return std::filesystem::temp_directory_path() / ("drover-test-" + what + "-" + std::to_string(::getpid()));
}

bool wait_until(const std::function<bool()>& condition) {
  const auto deadline = std::chrono::steady_clock::now() + kLimit;
  while (!condition()) {
    if (std::chrono::steady_clock::now() > deadline) return false;
    std::this_thread::sleep_for(1ms);
  }
  return true;
}

std::optional<Received> next_message(Transport& transport) {
  std::optional<Received> message;
  (void)wait_until([&] {
    if (auto incoming = transport.receive())
      if (auto* received = std::get_if<Received>(&*incoming)) message = std::move(*received);
    return message.has_value();
  });
  return message;
}

std::string text(const Received& received) {
  return {received.bytes.begin(), received.bytes.end()};
}

// --- a member ---------------------------------------------------------------------------------

/// Says its process id, then echoes until "leave".
int serve(MpiTransport& transport) {
  transport.send(kMaster, std::to_string(::getpid()));
  while (const auto message = next_message(transport)) {
    transport.send(kMaster, text(*message));
    if (text(*message) != "leave") continue;
    const bool is_said = wait_until([&] {
      (void)transport.receive();
      return transport.num_unsent_bytes(kMaster) == 0;
    });
    return is_said ? 0 : 1;
  }
  return 1;
}

/// Dead members of the group keep MPI_Finalize from ending, now and then.
constexpr auto kFinalizeLimit = 3s;

GroupLink find_master(const std::string& port_file) {
  if (auto parent = parent_link()) return std::move(*parent);
  return connect_group([&] {
    std::ifstream file(port_file);
    std::string port;
    if (!std::getline(file, port)) throw Error("there is no port in " + port_file);
    return port;
  });
}

int run_member(const std::string& port_file) {
  runtime::Watchdog watchdog({});
  std::optional<MpiSession> mpi(std::in_place, Threading::main_thread);
  const int status = [&] {
    MpiTransport transport(find_master(port_file));
    return serve(transport);
  }();
  const auto guard = watchdog.watch("MPI_Finalize", kFinalizeLimit, status);
  mpi.reset();
  return status;
}

// --- the master -------------------------------------------------------------------------------

struct Master {
  MpiSession mpi{Threading::any_thread};
  MpiTransport transport{mpi, Address(1)};
  std::uint32_t next_address = 1;
};

/// One for the program: MPI can be initialised once.
Master* master = nullptr;

struct Group {
  Address first;
  std::vector<Address> members;
  std::set<pid_t> pids;
};

Group form(GroupArrival& arrival) {
  Group group;
  std::optional<GroupLink> link;
  REQUIRE(wait_until([&] { return (link = arrival.take()).has_value(); }));
  CHECK(link->num_members() == kPopulation);
  group.first = Address(master->next_address);
  master->next_address += kPopulation;
  group.members = master->transport.add_group(std::move(*link), group.first);
  REQUIRE(group.members.size() == kPopulation);
  for (int i = 0; i < kPopulation; ++i) {
    const auto hello = next_message(master->transport);
    REQUIRE(hello);
    CHECK(std::count(group.members.begin(), group.members.end(), hello->from) == 1);
    group.pids.insert(std::stoi(text(*hello)));
  }
  CHECK(group.pids.size() == kPopulation);
  return group;
}

void echo(const Group& group, const std::string& message) {
  for (const Address member : group.members) master->transport.send(member, message);
  std::set<Address> answered;
  for (std::size_t i = 0; i < group.members.size(); ++i) {
    const auto answer = next_message(master->transport);
    REQUIRE(answer);
    CHECK(text(*answer) == message);
    answered.insert(answer->from);
  }
  CHECK(answered == std::set<Address>(group.members.begin(), group.members.end()));
}

bool are_gone(const std::set<pid_t>& pids) {
  return std::all_of(pids.begin(), pids.end(), [](pid_t pid) { return ::kill(pid, 0) != 0; });
}

void let_go(const Group& group) {
  master->transport.release_group(group.first);
  for (const Address member : group.members) master->transport.send(member, "to nobody");
  CHECK(master->transport.num_unsent_bytes(std::nullopt) == 0);
  CHECK(wait_until([&] { return are_gone(group.pids); }));
}

/// A group with an mpirun of its own.
struct Joining {
  std::filesystem::path port_file = temporary_file("port");
  ListeningPort port;
  std::optional<runtime::ChildProcess> launcher;

  Joining() {
    std::ofstream(port_file) << port.name() << "\n";
    runtime::GroupLaunch launch;
    launch.population = kPopulation;
    launch.program = self();
    launch.args = {"--member", port_file.string()};
    launch.ompi_server = runtime::known_ompi_server().value();
    runtime::ChildProcess::Options options;
    options.command = runtime::mpirun_command(launch);
    options.unset = runtime::launcher_variables();
    launcher.emplace(options);
  }
  ~Joining() { std::filesystem::remove(port_file); }

  [[nodiscard]] bool has_ended() {
    launcher->poll();
    return launcher->has_ended();
  }
};

}  // namespace

TEST_CASE("spawned groups work and leave") {
  for (int i = 0; i < 2; ++i) {
    std::this_thread::sleep_for(kPauseBeforeSpawn);
    SpawnRequest request;
    request.population = kPopulation;
    request.program = self();
    request.args = {"--member", ""};
    GroupArrival arrival = spawn_group(request);
    const Group group = form(arrival);
    echo(group, "hello");
    echo(group, std::string(1 << 20, 'x'));
    echo(group, "leave");
    let_go(group);
  }
}

TEST_CASE("groups with an mpirun of their own work and leave") {
  if (!join_obstacle().empty()) return;
  for (int i = 0; i < 2; ++i) {
    Joining joining;
    GroupArrival arrival = accept_group(joining.port.name());
    const Group group = form(arrival);
    echo(group, "hello");
    echo(group, std::string(1 << 20, 'x'));
    echo(group, "leave");
    let_go(group);
    CHECK(wait_until([&] { return joining.has_ended(); }));
    CHECK(joining.launcher->wait_status() == 0);
  }
}

TEST_CASE("a group is killed, and another one joins") {
  if (!join_obstacle().empty()) return;
  for (int i = 0; i < 2; ++i) {
    Joining joining;
    GroupArrival arrival = accept_group(joining.port.name());
    const Group group = form(arrival);
    echo(group, "hello");
    for (const pid_t pid : group.pids) ::kill(pid, SIGKILL);
    // Larger than what leaves at once: it stays under way for ever.
    for (const Address member : group.members) master->transport.send(member, std::string(1 << 20, 'x'));
    let_go(group);
    CHECK(wait_until([&] { return joining.has_ended(); }));
  }
}

TEST_CASE("one member of a group is killed: the other works on and leaves") {
  if (!join_obstacle().empty()) return;
  Joining joining;
  GroupArrival arrival = accept_group(joining.port.name());
  const Group group = form(arrival);
  ::kill(*group.pids.begin(), SIGKILL);
  master->transport.send(group.members[0], "leave");
  master->transport.send(group.members[1], "leave");
  const auto answer = next_message(master->transport);
  REQUIRE(answer);
  CHECK(text(*answer) == "leave");
  let_go(group);
  CHECK(wait_until([&] { return joining.has_ended(); }));
}

namespace {

/// The master leaves its exit status here: mpirun returns 0 whatever happens.
constexpr const char* kStatusVariable = "DROVER_TEST_STATUS_FILE";

int run_under_mpirun(int argc, char** argv) {
  const std::filesystem::path status_file = temporary_file("status");
  runtime::LocalLaunch launch;
  launch.num_workers = 0;
  launch.program = self();
  launch.args.assign(argv + 1, argv + argc);
  launch.is_open_mpi_5 = is_open_mpi_5();
  std::optional<runtime::OmpiServer> server;
  if (!launch.is_open_mpi_5) launch.ompi_server = server.emplace().uri();
  runtime::ChildProcess::Options options;
  options.command = runtime::mpirun_command(launch);
  options.env = {std::string(kStatusVariable) + "=" + status_file.string()};
  runtime::ChildProcess mpirun(options);
  while (!mpirun.has_ended()) {
    std::this_thread::sleep_for(10ms);
    mpirun.poll();
  }
  std::fputs(mpirun.output().c_str(), stdout);
  int status = 1;
  std::ifstream(status_file) >> status;
  std::filesystem::remove(status_file);
  return status;
}

int run_tests(int argc, char** argv) {
  int status = 1;
  {
    Master the_master;
    master = &the_master;
    status = Catch::Session().run(argc, argv);
  }
  std::ofstream(std::getenv(kStatusVariable)) << status;
  return status;
}

}  // namespace

int main(int argc, char** argv) {
  if (!is_started_by_launcher()) return run_under_mpirun(argc, argv);
  try {
    if (argc == 3 && std::strcmp(argv[1], "--member") == 0) return run_member(argv[2]);
    return run_tests(argc, argv);
  } catch (const std::exception& e) {
    std::fprintf(stderr, "%s\n", e.what());
    return 1;
  }
}
