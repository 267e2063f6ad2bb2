// Groups of two come, work and leave, or are killed, again and again: how long that takes, what hangs,
// and what it leaves behind in the master and its mpirun.
// usage: group_cycles spawn|join [CYCLES [none|one|all|launcher [PAUSE_MS]]]

#include <dirent.h>
#include <signal.h>
#include <unistd.h>

#include <chrono>
#include <cstdio>
#include <cstdlib>
#include <fstream>
#include <optional>
#include <string>
#include <thread>

#include "drover/support/error.hpp"
#include "support/real_groups.hpp"

using namespace drover;
using namespace drover::test;

namespace {

constexpr int kPopulation = 2;
constexpr int kReportEvery = 10;
using Clock = std::chrono::steady_clock;

double ms_since(Clock::time_point begin) {
  return std::chrono::duration<double, std::milli>(Clock::now() - begin).count();
}

struct Footprint {
  int num_fds = 0;
  long resident_kb = 0;
};

Footprint footprint(pid_t pid) {
  Footprint result;
  const std::string proc = "/proc/" + std::to_string(pid);
  if (DIR* fds = ::opendir((proc + "/fd").c_str())) {
    while (const dirent* entry = ::readdir(fds)) result.num_fds += entry->d_name[0] != '.' ? 1 : 0;
    ::closedir(fds);
  }
  std::ifstream status(proc + "/status");
  for (std::string line; std::getline(status, line);)
    if (line.starts_with("VmRSS:")) result.resident_kb = std::atol(line.c_str() + 6);
  return result;
}

struct Plan {
  bool is_join = false;
  int num_cycles = 50;
  std::string killed = "none";
  std::chrono::milliseconds pause{1000};
};

void end_group(RealMaster& master, const Group& group, const Plan& plan, const Joining* joining) {
  if (plan.killed == "none") {
    master.echo(group, "leave");
  } else if (plan.killed == "launcher" && joining != nullptr) {
    ::kill(joining->launcher().pid(), SIGKILL);
  } else {
    for (const pid_t pid : group.pids) {
      ::kill(pid, SIGKILL);
      if (plan.killed == "one") break;
    }
    for (const transport::Address member : group.members) master.transport().send(member, "leave");
    // Freed too early, the connection would keep the last words of those that live.
    if (plan.killed == "one" && !master.next_message()) throw Error("the member that lives did not answer");
  }
  master.transport().release_group(group.first);
}

int run(RealMaster& master, const Plan& plan) {
  double ms_up = 0;
  double ms_down = 0;
  for (int cycle = 1; cycle <= plan.num_cycles; ++cycle) {
    std::this_thread::sleep_for(plan.pause);
    auto begin = Clock::now();
    std::optional<Joining> joining;
    if (plan.is_join) joining.emplace(kPopulation);
    transport::GroupArrival arrival =
        plan.is_join ? transport::accept_group(joining->port()) : RealMaster::spawn(kPopulation);
    Group group;
    try {
      group = master.form(arrival);
    } catch (const Error& e) {
      std::printf("cycle %d: %s\n", cycle, e.what());
      return 1;
    }
    ms_up += ms_since(begin);
    for (int i = 0; i < 20; ++i) master.echo(group, "work");
    begin = Clock::now();
    end_group(master, group, plan, joining ? &*joining : nullptr);
    if (!wait_until([&] { return group.is_gone() && (!joining || joining->has_ended()); })) {
      std::printf("cycle %d: processes of the group are left\n", cycle);
      return 1;
    }
    ms_down += ms_since(begin);
    if (cycle > 2 && cycle % kReportEvery != 0) continue;
    const Footprint own = footprint(::getpid());
    const Footprint launcher = footprint(::getppid());
    std::printf("cycle %d: master %d fds, %ld kB; mpirun %d fds, %ld kB\n", cycle, own.num_fds, own.resident_kb,
                launcher.num_fds, launcher.resident_kb);
  }
  std::printf("%d cycles: up in %.0f ms, gone in %.0f ms, on average\n", plan.num_cycles, ms_up / plan.num_cycles,
              ms_down / plan.num_cycles);
  return 0;
}

}  // namespace

int main(int argc, char** argv) {
  Plan plan;
  if (argc > 1) plan.is_join = std::string(argv[1]) == "join";
  if (argc > 2) plan.num_cycles = std::atoi(argv[2]);
  if (argc > 3) plan.killed = argv[3];
  if (argc > 4) plan.pause = std::chrono::milliseconds(std::atoi(argv[4]));
  return run_real_ranks(argc, argv, [&](RealMaster& master) { return run(master, plan); });
}
