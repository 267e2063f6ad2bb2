#include "drover/runtime/host_offers.hpp"

#include <unistd.h>

#include <cstdlib>
#include <filesystem>
#include <fstream>
#include <thread>

#include "drover/runtime/clock.hpp"
#include "drover/transport/mpi_session.hpp"
#include "support/catch.hpp"

namespace fs = std::filesystem;
using namespace drover;
using namespace drover::runtime;
using namespace std::chrono_literals;

namespace {

const control::RequestRef kFrom{control::ClientId(7), control::RequestId(1)};

/// What mpirun would reach hosts by: all but `w9` answer like a drover 1.2.3.
class Agent {
 public:
  Agent() {
    std::ofstream(path_) << "#!/bin/sh\n[ $1 = w9 ] && exit 127\necho 'drover 1.2.3'; echo '"
                         << transport::mpi_version() << ", Boost 1.0'\n";
    fs::permissions(path_, fs::perms::owner_all);
    ::setenv("OMPI_MCA_plm_rsh_agent", path_.c_str(), 1);
  }
  ~Agent() {
    ::unsetenv("OMPI_MCA_plm_rsh_agent");
    fs::remove(path_);
  }
  Agent(const Agent&) = delete;
  Agent& operator=(const Agent&) = delete;

 private:
  fs::path path_ = fs::temp_directory_path() / ("drover-offers-" + std::to_string(::getpid()));
};

/// A master's view of an MPI job, and of the hosts that are offered to it.
struct MpiJob {
  core::Scheduler scheduler{core::Policy{}};
  HostOffers offers{{"/opt/drover"}, "1.2.3"};

  void start_world(std::uint32_t num_workers) {
    (void)scheduler.handle(core::event::GroupFormed{core::GroupSource::world, num_workers, ""}, now());
  }
  void announce(std::uint32_t worker, const std::string& host) {
    (void)scheduler.handle(core::event::WorkerAnnounced{core::WorkerId(worker), host, 1, 2}, now());
  }
  void lose(std::uint32_t worker) {
    (void)scheduler.handle(core::event::WorkerFailed{core::WorkerId(worker), "lost"}, now());
  }
  std::vector<OfferReply> poll() { return offers.poll(scheduler, now()); }
  /// Polls until it is known whether the host can be used.
  std::vector<OfferReply> judge() {
    for (const auto limit = now() + 20s; now() < limit;) {
      std::vector<OfferReply> replies = poll();
      if (!replies.empty() || !offers.changes().is_empty()) return replies;
      std::this_thread::sleep_for(1ms);
    }
    return {};
  }
};

bool wants_it_again(const OfferReply& reply) {
  const auto* ended = std::get_if<control::reply::JoinEnded>(&reply.reply);
  return reply.is_last && ended != nullptr && ended->how == control::reply::JoinEnded::How::wanted_again;
}

}  // namespace

TEST_CASE("a host that answers comes with the next MPI job") {
  const Agent agent;
  MpiJob job;
  job.offers.add(kFrom, {"w1", 3});
  CHECK(job.judge().empty());
  CHECK(job.offers.rollover_reason(now() + 5s) == "taking in w1");
  const HostChanges changes = job.offers.changes();
  REQUIRE(changes.come.size() == 1);
  CHECK(changes.come.front().host == "w1");
  CHECK(changes.come.front().population == 3);
  CHECK(changes.gone.empty());
  const std::vector<OfferReply> replies = job.offers.close(control::reply::JoinEnded::How::wanted_again);
  REQUIRE(replies.size() == 1);
  CHECK(wants_it_again(replies.front()));
}

TEST_CASE("a host that does not answer, and one whose process has gone, change nothing") {
  const Agent agent;
  MpiJob job;
  job.offers.add(kFrom, {"w9", 3});
  const std::vector<OfferReply> replies = job.judge();
  REQUIRE(replies.size() == 1);
  const auto* refused = std::get_if<control::reply::Refused>(&replies.front().reply);
  REQUIRE(refused != nullptr);
  CHECK(refused->message.find("host w9 has no /opt/drover") != std::string::npos);
  job.offers.add(kFrom, {"w1", 3});
  CHECK(job.judge().empty());
  job.offers.forget(kFrom.client);
  CHECK(job.offers.rollover_reason(now() + 5s).empty());
  CHECK(job.offers.changes().is_empty());
}

TEST_CASE("a host takes part once its workers are here, until they are lost or it leaves") {
  MpiJob job;
  job.start_world(3);
  job.announce(1, "w1");
  job.offers.add(kFrom, {"w1", 2});
  CHECK(job.poll().empty());  // others are still to come
  job.announce(2, "w2");
  job.announce(3, "w1");
  const std::vector<OfferReply> here = job.poll();
  REQUIRE(here.size() == 1);
  const auto* added = std::get_if<control::reply::ScaleAdded>(&here.front().reply);
  REQUIRE(added != nullptr);
  CHECK(added->num_workers == 2);
  CHECK_FALSE(here.front().is_last);

  SECTION("lost") {
    job.lose(1);
    CHECK(job.poll().empty());
    job.lose(3);
    const std::vector<OfferReply> lost = job.poll();
    REQUIRE(lost.size() == 1);
    CHECK(wants_it_again(lost.front()));
    CHECK(job.poll().empty());
  }
  SECTION("leaving") {
    CHECK_FALSE(job.offers.leave(control::ClientId(8), false));
    CHECK(job.offers.leave(kFrom.client, false));
    CHECK(job.offers.rollover_reason(now()) == "leaving: w1");
    CHECK_FALSE(job.offers.is_in_haste());
    CHECK(job.offers.leave(kFrom.client, true));
    CHECK(job.offers.is_in_haste());
    CHECK(job.offers.changes().gone == std::vector<std::string>{"w1"});
  }
}
