// Groups that come and go, with real ranks.

#include <signal.h>

#include <chrono>
#include <string>
#include <thread>

#define CATCH_CONFIG_RUNNER  // this program has a main of its own
#include "support/catch.hpp"
#include "support/real_groups.hpp"

using namespace drover;
using namespace drover::test;
using namespace std::chrono_literals;

namespace {

/// Open MPI 4.1 may hang in a spawn that follows a departure at once.
constexpr auto kPauseBeforeSpawn = 1100ms;
constexpr int kPopulation = 2;
/// Larger than what leaves at once: sent to the dead, it stays under way for ever.
const std::string kLarge(1 << 20, 'x');

/// Of some pieces, each of which looks like no other.
std::string in_pieces(std::size_t size) {
  std::string text(size, '\0');
  for (std::size_t i = 0; i < size; i += 4096) text[i] = static_cast<char>(i >> 12U);
  return text;
}

/// One for the program: MPI can be initialised once.
RealMaster* master = nullptr;

Group form(transport::GroupArrival arrival) {
  Group group = master->form(arrival);
  CHECK(group.pids.size() == group.members.size());
  return group;
}

void let_go(const Group& group) {
  master->transport().release_group(group.first);
  for (const transport::Address member : group.members) master->transport().send(member, "to nobody");
  CHECK(master->transport().num_unsent_bytes(std::nullopt) == 0);
  CHECK(wait_until([&] { return group.is_gone(); }));
}

}  // namespace

TEST_CASE("spawned groups work and leave") {
  for (int i = 0; i < 2; ++i) {
    std::this_thread::sleep_for(kPauseBeforeSpawn);
    const Group group = form(RealMaster::spawn(kPopulation));
    master->echo(group, "hello");
    master->echo(group, kLarge);
    master->echo(group, in_pieces(3'500'000));
    master->echo(group, "leave");
    let_go(group);
  }
}

TEST_CASE("groups with an mpirun of their own work and leave") {
  if (!transport::join_obstacle().empty()) return;
  for (int i = 0; i < 2; ++i) {
    Joining joining(kPopulation);
    const Group group = form(transport::accept_group(joining.port()));
    master->echo(group, "hello");
    master->echo(group, kLarge);
    master->echo(group, in_pieces(3'500'000));
    master->echo(group, "leave");
    let_go(group);
    CHECK(wait_until([&] { return joining.has_ended(); }));
    CHECK(joining.launcher().wait_status() == 0);
  }
}

TEST_CASE("what goes ahead arrives in the midst of a large message") {
  std::this_thread::sleep_for(kPauseBeforeSpawn);
  const Group group = form(RealMaster::spawn(1));
  const transport::Address member = group.members.front();
  const std::string large = in_pieces(40'000'000);
  master->transport().send(member, large);
  master->transport().send(member, "behind");
  master->transport().send_ahead(member, "alive");
  for (const std::string& expected : {std::string("alive"), large, std::string("behind")}) {
    const auto message = master->next_message();
    REQUIRE(message);
    CHECK((text(*message) == expected));  // in parentheses: not to be printed
  }
  CHECK(wait_until([&] {
    (void)master->transport().receive();
    return master->transport().num_unsent_bytes(member) == 0;
  }));
  CHECK_FALSE(master->transport().traffic().is_under_way);
  CHECK(master->transport().traffic().num_pieces > 0);
  master->echo(group, "leave");
  let_go(group);
}

TEST_CASE("large messages from many wait for one another, and all come") {
  std::this_thread::sleep_for(kPauseBeforeSpawn);
  const Group group = form(RealMaster::spawn(kPopulation));
  master->echo(group, in_pieces(40'000'000));  // more of them than there is memory for at a time
  master->echo(group, "leave");
  let_go(group);
}

TEST_CASE("a group is killed, and another one joins") {
  if (!transport::join_obstacle().empty()) return;
  for (int i = 0; i < 2; ++i) {
    Joining joining(kPopulation);
    const Group group = form(transport::accept_group(joining.port()));
    master->echo(group, "hello");
    for (const pid_t pid : group.pids) ::kill(pid, SIGKILL);
    for (const transport::Address member : group.members) master->transport().send(member, kLarge);
    let_go(group);
    CHECK(wait_until([&] { return joining.has_ended(); }));
  }
}

TEST_CASE("one member of a group is killed: the other works on and leaves") {
  if (!transport::join_obstacle().empty()) return;
  Joining joining(kPopulation);
  const Group group = form(transport::accept_group(joining.port()));
  ::kill(*group.pids.begin(), SIGKILL);
  for (const transport::Address member : group.members) master->transport().send(member, "leave");
  const auto answer = master->next_message();
  REQUIRE(answer);
  CHECK(text(*answer) == "leave");
  let_go(group);
  CHECK(wait_until([&] { return joining.has_ended(); }));
}

TEST_CASE("a group that announced itself and never connects keeps nobody from joining") {
  if (!transport::join_obstacle().empty()) return;
  const transport::ListeningPort nobody_comes;
  transport::GroupArrival waiting = transport::accept_group(nobody_comes.name());
  Joining joining(kPopulation);
  const Group group = form(transport::accept_group(joining.port()));
  master->echo(group, "leave");
  let_go(group);
  CHECK_FALSE(waiting.take());
}

int main(int argc, char** argv) {
  return run_real_ranks(argc, argv, [&](RealMaster& the_master) {
    master = &the_master;
    return Catch::Session().run(argc, argv);
  });
}
