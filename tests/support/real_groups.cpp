#include "support/real_groups.hpp"

#include <signal.h>
#include <unistd.h>

#include <algorithm>
#include <chrono>
#include <cstdio>
#include <cstdlib>
#include <fstream>
#include <memory>
#include <string_view>
#include <thread>

#include "drover/runtime/clock.hpp"
#include "drover/runtime/launcher.hpp"
#include "drover/runtime/ompi_server.hpp"
#include "drover/runtime/waiter.hpp"
#include "drover/runtime/watchdog.hpp"
#include "drover/support/error.hpp"

namespace drover::test {

namespace {

using namespace std::chrono_literals;
using transport::kMaster;

constexpr auto kLimit = 30s;
/// Dead members of the group keep MPI_Finalize from ending, now and then.
constexpr auto kFinalizeLimit = 3s;
constexpr auto kMpirunGrace = 6000ms;
constexpr auto kLook = 10ms;
constexpr const char* kMemberFlag = "--member";
/// Where the master leaves its exit status.
constexpr const char* kStatusVariable = "DROVER_TEST_STATUS_FILE";

std::string self() {
  return std::filesystem::read_symlink("/proc/self/exe").string();
}

std::filesystem::path temporary_file(const std::string& what) {
  return std::filesystem::temp_directory_path() / ("drover-test-" + what + "-" + std::to_string(::getpid()));
}

std::optional<transport::Received> next_message_of(transport::Transport& transport) {
  runtime::Waiter waiter(runtime::now());
  for (const core::Time deadline = runtime::now() + kLimit; runtime::now() < deadline;) {
    if (auto incoming = transport.receive())
      if (auto* received = std::get_if<transport::Received>(&*incoming)) return std::move(*received);
    waiter.wait({}, runtime::now(), deadline, transport.traffic());
  }
  return std::nullopt;
}

// --- a member ---------------------------------------------------------------------------------

/// Says its process id, then echoes until "leave".
int serve(transport::MpiTransport& transport) {
  transport.send(kMaster, std::to_string(::getpid()));
  while (const auto message = next_message_of(transport)) {
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

transport::GroupLink find_master(const std::string& port_file) {
  if (auto parent = transport::parent_link()) return std::move(*parent);
  return transport::connect_group([&] {
    std::ifstream file(port_file);
    std::string port;
    if (!std::getline(file, port)) throw Error("there is no port in " + port_file);
    return port;
  });
}

int run_member(const std::string& port_file) {
  runtime::Watchdog watchdog({});
  std::optional<transport::MpiSession> mpi(std::in_place, transport::Threading::main_thread);
  const int status = [&] {
    transport::MpiTransport transport(find_master(port_file));
    return serve(transport);
  }();
  const auto guard = watchdog.watch("MPI_Finalize", kFinalizeLimit, status);
  mpi.reset();
  return status;
}

// --- around the master ------------------------------------------------------------------------

int run_under_mpirun(int argc, char** argv) {
  const std::filesystem::path status_file = temporary_file("status");
  runtime::FarmLaunch launch;
  launch.num_workers = 0;
  launch.program = self();
  launch.args.assign(argv + 1, argv + argc);
  launch.is_open_mpi_5 = transport::is_open_mpi_5();
  std::optional<runtime::OmpiServer> server;
  const runtime::MpirunCommand command = runtime::mpirun_command(launch);
  runtime::ChildProcess::Options options;
  options.command = command.words;
  if (!launch.is_open_mpi_5) {
    server.emplace();
    wait_until([&] {
      server->poll();
      return server->uri().has_value();
    });
    runtime::add_ompi_server(options.command, server->uri().value());
  }
  options.env = {std::string(kStatusVariable) + "=" + status_file.string()};
  runtime::ChildProcess mpirun(options);
  // After the master mpirun may not end by itself.
  for (auto grace = kMpirunGrace; !mpirun.has_ended() && grace > 0ms; mpirun.poll()) {
    std::this_thread::sleep_for(kLook);
    if (std::filesystem::exists(status_file)) grace -= kLook;
  }
  std::fputs(mpirun.output().c_str(), stdout);
  int status = 1;
  std::ifstream(status_file) >> status;
  std::filesystem::remove(status_file);
  return status;
}

int run_as_master(const std::function<int(RealMaster&)>& run_master) {
  auto master = std::make_unique<RealMaster>();
  const int status = run_master(*master);
  std::fflush(stdout);
  const std::filesystem::path file = std::getenv(kStatusVariable);
  const std::filesystem::path unfinished = file.string() + "-unfinished";
  std::ofstream(unfinished) << status;
  std::filesystem::rename(unfinished, file);
  runtime::Watchdog watchdog({});
  const auto guard = watchdog.watch("MPI_Finalize", kFinalizeLimit, status);
  master.reset();
  return status;
}

}  // namespace

bool wait_until(const std::function<bool()>& condition) {
  const auto deadline = std::chrono::steady_clock::now() + kLimit;
  while (!condition()) {
    if (std::chrono::steady_clock::now() > deadline) return false;
    std::this_thread::sleep_for(1ms);
  }
  return true;
}

std::string text(const transport::Received& received) {
  return {received.bytes.begin(), received.bytes.end()};
}

bool Group::is_gone() const {
  return std::all_of(pids.begin(), pids.end(), [](pid_t pid) { return ::kill(pid, 0) != 0; });
}

Joining::Joining(int population) : port_file_(temporary_file("port")) {
  std::ofstream(port_file_) << port_.name() << "\n";
  runtime::GroupLaunch launch;
  launch.population = static_cast<unsigned>(population);
  launch.program = self();
  launch.args = {kMemberFlag, port_file_.string()};
  launch.ompi_server = runtime::known_ompi_server().value();
  command_ = runtime::mpirun_command(launch);
  runtime::ChildProcess::Options options;
  options.command = command_.words;
  options.unset = runtime::launcher_variables();
  launcher_.emplace(options);
}

Joining::~Joining() {
  std::filesystem::remove(port_file_);
}

bool Joining::has_ended() {
  launcher_->poll();
  return launcher_->has_ended();
}

transport::GroupArrival RealMaster::spawn(int population) {
  transport::SpawnRequest request;
  request.population = population;
  request.program = self();
  request.args = {kMemberFlag, ""};
  return transport::spawn_group(request);
}

Group RealMaster::form(transport::GroupArrival& arrival) {
  std::optional<transport::GroupLink> link;
  if (!wait_until([&] { return (link = arrival.take()).has_value(); })) throw Error("the group did not come");
  Group group;
  group.first = transport::Address(next_address_);
  next_address_ += static_cast<std::uint32_t>(link->num_members());
  group.members = transport_.add_group(std::move(*link), group.first);
  for (std::size_t i = 0; i < group.members.size(); ++i) {
    const auto hello = next_message();
    if (!hello) throw Error("a member did not say hello");
    if (std::count(group.members.begin(), group.members.end(), hello->from) != 1)
      throw Error("somebody else said hello");
    group.pids.insert(std::stoi(text(*hello)));
  }
  return group;
}

void RealMaster::echo(const Group& group, const std::string& message) {
  for (const transport::Address member : group.members) transport_.send(member, message);
  std::set<transport::Address> answered;
  for (std::size_t i = 0; i < group.members.size(); ++i) {
    const auto answer = next_message();
    if (!answer || text(*answer) != message) throw Error("a member did not answer, or something else");
    answered.insert(answer->from);
  }
  if (answered != std::set<transport::Address>(group.members.begin(), group.members.end()))
    throw Error("somebody else answered");
}

std::optional<transport::Received> RealMaster::next_message() {
  return next_message_of(transport_);
}

int run_real_ranks(int argc, char** argv, const std::function<int(RealMaster&)>& run_master) {
  try {
    if (!transport::is_started_by_launcher()) return run_under_mpirun(argc, argv);
    if (argc == 3 && std::string_view(argv[1]) == kMemberFlag) return run_member(argv[2]);
    return run_as_master(run_master);
  } catch (const std::exception& e) {
    std::fprintf(stderr, "%s\n", e.what());
    return 1;
  }
}

}  // namespace drover::test
