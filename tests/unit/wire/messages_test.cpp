#include "drover/wire/messages.hpp"

#include <random>

#include "drover/wire/envelope.hpp"
#include "support/catch.hpp"

using namespace drover;
using namespace std::chrono_literals;

namespace {

core::AttemptResult ended_with(core::AttemptId attempt, core::Outcome outcome) {
  core::AttemptResult result;
  result.attempt = attempt;
  result.outcome = std::move(outcome);
  return result;
}

std::vector<wire::Message> samples() {
  const core::AttemptId attempt{core::TaskId(7), 2};
  core::AttemptResult result{
      attempt, core::NotStarted{2, "no shell"}, 1'700'000'000'000'000, 12ms, 5, 6, 3ms, 1024, "oops", "value"};
  std::string binary(100'000, '\0');
  std::mt19937 random(1);
  for (char& c : binary) c = static_cast<char>(random());
  return {
      wire::Hello{"0.1.0", "node1", 4711, "boot pid:[1]", 8},
      wire::Report{},
      wire::Report{{{attempt, core::Stream::err, binary}},
                   {attempt},
                   {result, ended_with(attempt, core::Signaled{9})},
                   {attempt}},
      wire::Report{{},
                   {},
                   {ended_with(attempt, core::TimedOut{15}), ended_with(attempt, core::Killed{}),
                    ended_with(attempt, core::Exited{3}), ended_with(attempt, core::Threw{"a::b", "why"})},
                   {}},
      wire::Goodbye{},
      wire::Welcome{core::WorkerId(3),
                    core::GroupId(1),
                    17,
                    core::ExecProfile{"/bin/bash", "/tmp", {"A=b c", "D="}, 5s, 1s, "id", "/run"},
                    {"OMPI_CC=gcc"},
                    1s,
                    10s,
                    1 << 20},
      wire::Ticket{
          {{attempt,
            core::TaskSpec{core::TaskKind::command, "echo \xff {%}", {8, 9}, "tag", 200, 3, core::TaskId(6), 5s},
            core::OwnerId(4)}}},
      wire::Recall{{attempt, attempt}},
      wire::Kill{{attempt}},
      wire::Drain{true, "superseded"},
      wire::OutputAck{1ULL << 40},
      wire::Ping{},
      wire::Submit{{{9, core::TaskSpec{core::TaskKind::function, binary, {}, "f"}}}},
      wire::Withdraw{{9, 10}},
      wire::Settled{{{9, core::TaskEnd::failed, core::Threw{"t", "x"}, 2, ""},
                     {10, core::TaskEnd::succeeded, core::Exited{0}, 1, "value"},
                     {11, std::nullopt, core::Killed{}, 0, ""}}},
      wire::Fetch{wire::ValueId(3), 1ULL << 40},
      wire::Piece{wire::ValueId(3), true, 1ULL << 41, binary},
      wire::Piece{wire::ValueId(3), false, 0, ""},
      wire::SubmitAck{4096},
      wire::Advanced{7, 0.5, "half"},
      wire::Progress{attempt, 0.25, "a quarter"},
      wire::Remark{"a core is missing"},
      wire::Release{{wire::ValueId(3), wire::ValueId(4)}},
  };
}

}  // namespace

TEST_CASE("every message comes back as it was sent") {
  for (const wire::Message& message : samples()) CHECK(wire::decode(wire::encode(message)) == message);
}

TEST_CASE("a message cut off anywhere is an error, not undefined behaviour") {
  for (const wire::Message& message : samples()) {
    const std::string bytes = wire::encode(message);
    for (std::size_t length = 0; length < std::min<std::size_t>(bytes.size(), 300); ++length)
      CHECK_THROWS_AS(wire::decode(std::span(bytes).first(length)), wire::DecodeError);
  }
}

TEST_CASE("a flipped bit anywhere is an error") {
  for (const wire::Message& message : samples()) {
    std::string bytes = wire::encode(message);
    for (std::size_t i = 0; i < std::min<std::size_t>(bytes.size(), 300); ++i) {
      bytes[i] = static_cast<char>(bytes[i] ^ 0x10);
      CHECK_THROWS_AS(wire::decode(bytes), wire::DecodeError);
      bytes[i] = static_cast<char>(bytes[i] ^ 0x10);
    }
  }
}

TEST_CASE("a body that does not fit its type is an error even with a valid checksum") {
  std::mt19937 random(7);
  for (int round = 0; round < 20'000; ++round) {
    std::string bytes(wire::kEnvelopeBytes + random() % 64, '\0');
    for (std::size_t i = wire::kEnvelopeBytes; i < bytes.size(); ++i)
      bytes[i] = static_cast<char>(random() % 3 == 0 ? random() : 0);
    wire::seal(bytes, static_cast<std::uint16_t>(random() % 12));
    try {
      (void)wire::decode(bytes);  // some bytes are a message by accident
    } catch (const wire::DecodeError&) {
    }
  }
  SUCCEED();
}

TEST_CASE("another protocol version is named") {
  std::string bytes = wire::encode(wire::Ping{});
  bytes[4] = 99;
  try {
    (void)wire::decode(bytes);
    FAIL("accepted");
  } catch (const wire::DecodeError& e) {
    CHECK(std::string(e.what()).find("protocol version 99") != std::string::npos);
  }
}
