#include "drover/cli/exit_status.hpp"

#include <csignal>
#include <string>
#include <vector>

#include "support/catch.hpp"

using namespace drover;
using core::StopReason;

namespace {

core::Counts counts_of(std::uint64_t num_succeeded, std::uint64_t num_failed, std::uint64_t num_unfinished) {
  core::Counts counts;
  counts.accepted = num_succeeded + num_failed + num_unfinished;
  counts.succeeded = num_succeeded;
  counts.failed = num_failed;
  counts.ready = num_unfinished;
  return counts;
}

/// Who or what asked for the end.
struct Asker {
  std::string name;
  std::optional<StopReason> reason;
  std::optional<int> signal;
};

const std::vector<Asker> kAskers{{"nobody", std::nullopt, std::nullopt},
                                 {"drover stop", StopReason::requested, std::nullopt},
                                 {"SIGINT", StopReason::requested, SIGINT},
                                 {"SIGTERM", StopReason::requested, SIGTERM},
                                 {"SIGHUP", StopReason::requested, SIGHUP},
                                 {"SIGUSR1 or the time limit", StopReason::time_limit, std::nullopt},
                                 {"the halt policy", StopReason::halt_policy, std::nullopt},
                                 {"a move to another MPI job", StopReason::rollover, std::nullopt},
                                 {"the loss of all workers", StopReason::no_workers, std::nullopt},
                                 {"a failure", StopReason::internal, std::nullopt}};

constexpr cli::Bystanders kNone{false, std::nullopt};

int status(const Asker& asker, const core::Counts& counts, bool is_input_left, const cli::Bystanders& beside = kNone) {
  return cli::exit_status({counts, asker.reason, asker.signal, is_input_left, "", ""}, beside);
}

}  // namespace

TEST_CASE("with nothing left, it does not matter who asked for the end") {
  for (const Asker& asker : kAskers) {
    CAPTURE(asker.name);
    CHECK(status(asker, counts_of(0, 0, 0), false) == 0);
    CHECK(status(asker, counts_of(7, 0, 0), false) == 0);
    CHECK(status(asker, counts_of(7, 3, 0), false) == 3);
    CHECK(status(asker, counts_of(0, 100, 0), false) == 100);
    CHECK(status(asker, counts_of(0, 101, 0), false) == 101);
    CHECK(status(asker, counts_of(0, 5000, 0), false) == 101);
  }
}

TEST_CASE("with work left, tasks or input, the status says why") {
  const std::vector<int> expected{125, 130, 130, 143, 129, 124, 0, 125, 125, 125};
  const std::vector<int> expected_with_failures{125, 130, 130, 143, 129, 124, 2, 125, 125, 125};
  for (std::size_t i = 0; i < kAskers.size(); ++i) {
    CAPTURE(kAskers[i].name);
    CHECK(status(kAskers[i], counts_of(7, 0, 1), false) == expected[i]);
    CHECK(status(kAskers[i], counts_of(7, 0, 0), true) == expected[i]);
    CHECK(status(kAskers[i], counts_of(7, 2, 1), false) == expected_with_failures[i]);
    CHECK(status(kAskers[i], counts_of(7, 2, 0), true) == expected_with_failures[i]);
  }
}

TEST_CASE("all kinds of ends without success count") {
  core::Counts counts = counts_of(1, 1, 0);
  counts.timed_out = 2;
  counts.cancelled = 4;
  counts.quarantined = 8;
  counts.accepted += 14;
  CHECK(status(kAskers.front(), counts, false) == 15);
  CHECK(cli::exit_status(counts) == 15);
}

TEST_CASE("a failure of drover itself, and outputs that nobody reads, come before all else") {
  for (const Asker& asker : kAskers) {
    for (const bool is_input_left : {false, true}) {
      CAPTURE(asker.name, is_input_left);
      CHECK(status(asker, counts_of(7, 0, 0), is_input_left, {true, std::nullopt}) == 141);
      CHECK(status(asker, counts_of(7, 0, 0), is_input_left, {true, 0}) == 141);
      const runtime::RunEnd failed{counts_of(7, 0, 0), asker.reason, asker.signal, is_input_left, "", "no space left"};
      CHECK(cli::exit_status(failed, kNone) == 125);
      CHECK(cli::exit_status(failed, {true, 0}) == 125);
    }
  }
}

TEST_CASE("a program's own status counts when its code came to its end") {
  for (const Asker& asker : kAskers) {
    CAPTURE(asker.name);
    CHECK(status(asker, counts_of(7, 0, 0), false, {false, 17}) == 17);
    CHECK(status(asker, counts_of(7, 2, 0), false, {false, 0}) == 0);
    CHECK(status(asker, counts_of(7, 0, 1), false, {false, 17}) == status(asker, counts_of(7, 0, 1), false));
  }
}

TEST_CASE("only what has work left goes on in another MPI job") {
  const auto end = [](core::Counts counts, bool is_input_left, std::string failure) {
    return runtime::RunEnd{counts,        StopReason::rollover, std::nullopt,
                           is_input_left, "a host came",        std::move(failure)};
  };
  CHECK(end(counts_of(1, 0, 1), false, "").is_rollover());
  CHECK(end(counts_of(1, 0, 0), true, "").is_rollover());
  CHECK_FALSE(end(counts_of(1, 1, 0), false, "").is_rollover());
  CHECK_FALSE(end(counts_of(1, 0, 1), false, "no space left").is_rollover());
}
