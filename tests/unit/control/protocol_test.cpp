#include "drover/control/protocol.hpp"

#include <nlohmann/json.hpp>
#include <string>
#include <vector>

#include "drover/control/text.hpp"
#include "drover/core/function_call.hpp"
#include "support/catch.hpp"

using namespace drover::control;
using namespace drover::core;
using namespace std::chrono_literals;
using nlohmann::json;

namespace {

template <class Kind>
Kind round_trip(const Kind& request) {
  const RequestLine line = decode_request(encode(RequestLine{7, AnyRequest(Request(request))}));
  CHECK(line.id == 7);
  return std::get<Kind>(std::get<Request>(line.request));
}

template <class Kind>
Kind round_trip_reply(const Kind& reply, bool has_more = false) {
  const std::string text = encode(ReplyLine{7, has_more, reply});
  CHECK(text.find('\n') == text.size() - 1);
  const ReplyLine line = decode_reply(text);
  CHECK(line.id == 7);
  CHECK(line.has_more == has_more);
  return std::get<Kind>(line.reply);
}

TaskSpec command(std::string text, std::string tag = "") {
  return {TaskKind::command, std::move(text), {}, std::move(tag)};
}

/// What a line is refused for.
ProtocolError refusal(const std::string& line) {
  try {
    (void)decode_request(line);
  } catch (const ProtocolError& e) {
    return e;
  }
  FAIL("accepted: " << line);
  throw 0;
}

}  // namespace

TEST_CASE("requests survive the wire") {
  const std::string bytes = "printf '\xff\xfe' # not UTF-8";
  const auto submit = round_trip(request::Submit{{command("echo 1", "one"), command(bytes, "\xc3\x28")}, true});
  CHECK(submit.tasks == std::vector{command("echo 1", "one"), command(bytes, "\xc3\x28")});
  CHECK(submit.wait);
  TaskSpec call;
  call.kind = TaskKind::function;
  call.payload = call_payload("measure", bytes);
  call.tag = "a tag";
  CHECK(round_trip(request::Submit{{call}, false}).tasks == std::vector{call});
  CHECK_FALSE(round_trip(request::Submit{{command("echo 1")}, false}).wait);
  const TaskSpec marked{TaskKind::command, "echo  ", {5, 6}, ""};
  CHECK(round_trip(request::Submit{{marked}, false}).tasks == std::vector{marked});

  const auto scale = round_trip(request::ScaleAdd{{{"a", 8}, {"b", 1}}, 12, 2, WayIn::join});
  CHECK(scale.hosts == std::vector<HostSlots>{{"a", 8}, {"b", 1}});
  CHECK(scale.population == 12);
  CHECK(scale.slots_per_worker == 2);
  CHECK(scale.via == WayIn::join);
  CHECK(round_trip(request::ScaleAdd{{}, 4, 0, WayIn::automatic}).via == WayIn::automatic);

  CHECK(std::get<GroupId>(round_trip(request::Drain{GroupId(2), true, true}).target) == GroupId(2));
  CHECK(std::get<WorkerId>(round_trip(request::Drain{WorkerId(3), false, false}).target) == WorkerId(3));
  CHECK(std::get<HostName>(round_trip(request::Drain{HostName{"node5"}, true, false}).target).name == "node5");
  CHECK(round_trip(request::Drain{GroupId(2), true, false}).now);

  CHECK(round_trip(request::Cancel{{{TaskId(3), TaskId(9)}}}).tasks == std::vector<TaskRange>{{TaskId(3), TaskId(9)}});
  CHECK(round_trip(request::Stop{true}).now);
  CHECK(std::get<TaskId>(round_trip(request::Explain{TaskId(5)}).subject) == TaskId(5));
  CHECK(std::get<HostName>(round_trip(request::Explain{HostName{"x"}}).subject) == HostName{"x"});

  const auto join = round_trip(request::JoinAnnounce{"node7", "0.1.0", 4711, 3, 2});
  CHECK(join.host == "node7");
  CHECK(join.drover_version == "0.1.0");
  CHECK(join.pid == 4711);
  CHECK(join.population == 3);
  CHECK(join.slots_per_worker == 2);

  (void)round_trip(request::Status{});
  (void)round_trip(request::Close{});
  CHECK(std::holds_alternative<request::Hello>(decode_request(encode(RequestLine{1, request::Hello{}})).request));
  CHECK(std::holds_alternative<request::Events>(decode_request(encode(RequestLine{1, request::Events{}})).request));
}

TEST_CASE("a status survives the wire") {
  reply::Status status;
  status.phase = RunPhase::waiting;
  status.run_dir = "/tmp/\xff";
  status.elapsed = 1234567us;
  status.is_kept_open = true;
  status.counts.accepted = 10;
  status.counts.workers_lost = 2;
  status.mean_runtime = 250ms;
  status.groups.push_back({GroupId(1), GroupSource::join, GroupState::draining, 4, 3, 1, 6, 5, 90s});
  status.workers.push_back({WorkerId(9), GroupId(1), "n", 77, WorkerState::silent, 2, 1, 3, 4s});
  status.quarantined_hosts.push_back({"bad", "lost three"});
  status.notices.push_back("a \"quoted\" line\nand another");

  const reply::Status read = round_trip_reply(status);
  CHECK(read.phase == RunPhase::waiting);
  CHECK(read.run_dir == status.run_dir);
  CHECK(read.elapsed == status.elapsed);
  CHECK(read.is_kept_open);
  CHECK_FALSE(read.is_input_ended);
  CHECK(read.counts.accepted == 10);
  CHECK(read.counts.workers_lost == 2);
  CHECK(read.mean_runtime == 250ms);
  CHECK_FALSE(read.remaining);
  REQUIRE(read.groups.size() == 1);
  CHECK(read.groups[0].source == GroupSource::join);
  CHECK(read.groups[0].state == GroupState::draining);
  CHECK(read.groups[0].num_busy_slots == 5);
  CHECK(read.groups[0].age == 90s);
  REQUIRE(read.workers.size() == 1);
  CHECK(read.workers[0].worker == WorkerId(9));
  CHECK(read.workers[0].state == WorkerState::silent);
  CHECK(read.workers[0].num_held == 3);
  REQUIRE(read.quarantined_hosts.size() == 1);
  CHECK(read.quarantined_hosts[0].reason == "lost three");
  CHECK(read.notices == status.notices);
}

TEST_CASE("other replies survive the wire") {
  const reply::TaskResult result{TaskId(4), TaskEnd::timed_out, "t\xff", 2, "timed out", 143, 15, "h", 3s, {1, 2},
                                 {3, 4}};
  const auto read = round_trip_reply(result, true);
  CHECK(read.task == TaskId(4));
  CHECK(read.how == TaskEnd::timed_out);
  CHECK(read.tag == "t\xff");
  CHECK(read.attempt == 2);
  CHECK(read.out == OutputExtent{1, 2});
  CHECK(read.err == OutputExtent{3, 4});
  CHECK(read.runtime == 3s);
  CHECK(round_trip_reply(reply::Submitted{TaskId(1), TaskId(5), "/o", true}).has_file_per_task);
  CHECK(round_trip_reply(reply::SubmitEnd{8, 1}).num_unsuccessful == 1);
  CHECK(round_trip_reply(reply::Closed{3}).num_unfinished == 3);
  const auto added = round_trip_reply(reply::ScaleAdded{GroupId(2), WayIn::join, 4, {{"a", 4}}});
  CHECK(added.via == WayIn::join);
  CHECK(added.hosts == std::vector<HostSlots>{{"a", 4}});
  CHECK(round_trip_reply(reply::Draining{{WorkerId(1), WorkerId(2)}}).workers.size() == 2);
  CHECK(round_trip_reply(reply::Drained{2, 1}).num_lost == 1);
  CHECK(round_trip_reply(reply::Cancelled{1, 2, 3}).num_unknown == 3);
  CHECK(round_trip_reply(reply::Stopping{1, 2}).num_executing == 1);
  CHECK(round_trip_reply(reply::Explanation{"why"}).text == "why");
  CHECK(round_trip_reply(reply::JoinAccepted{"tcp://x", GroupId(3)}).port == "tcp://x");
  for (const auto how :
       {reply::JoinEnded::How::left, reply::JoinEnded::How::wanted_again, reply::JoinEnded::How::work_left})
    CHECK(round_trip_reply(reply::JoinEnded{how}).how == how);
  CHECK(round_trip_reply(reply::Note{"probing"}, true).text == "probing");
  CHECK(round_trip_reply(reply::Missed{12}, true).num_replies == 12);
  CHECK(round_trip_reply(reply::Hello{"0.1", "id", "/d", "h", 5, "ns", false, "", ""}).name_server == "ns");
  CHECK(round_trip_reply(reply::Refused{ErrorCode::impossible, "no", "yes"}).code == ErrorCode::impossible);
  (void)round_trip_reply(reply::Subscribed{}, true);
  (void)round_trip_reply(reply::RunOver{});
  const std::string event = R"({"t":1795557038.022320,"event":"task_accepted","command":"echo \"event\":}"})";
  CHECK(round_trip_reply(reply::Event{event}, true).json == event);
}

TEST_CASE("what is not a request is refused with what would be") {
  const std::vector<std::string> garbage{"",
                                         " ",
                                         "hello",
                                         "{",
                                         "[]",
                                         "1",
                                         "null",
                                         "\"status\"",
                                         "{}",
                                         "\xff\xfe\x00\x01",
                                         R"({"v":1})",
                                         R"({"v":1,"request":"statsu"})",
                                         R"({"v":1,"request":5})",
                                         R"({"v":"1","request":"status"})",
                                         R"({"v":1,"request":"status"} {"v":1,"request":"status"})",
                                         R"({"v":1,"request":"status","now":true})",
                                         R"({"v":1,"request":"stop","nwo":true})",
                                         R"({"v":1,"request":"stop","now":1})",
                                         R"({"v":1,"request":"submit"})",
                                         R"({"v":1,"request":"submit","tasks":[]})",
                                         R"({"v":1,"request":"submit","tasks":"ls"})",
                                         R"({"v":1,"request":"submit","tasks":["ls"]})",
                                         R"({"v":1,"request":"submit","tasks":[{"command":""}]})",
                                         R"({"v":1,"request":"submit","tasks":[{"function":""}]})",
                                         R"({"v":1,"request":"submit","tasks":[{"function":"f","command":"ls"}]})",
                                         R"({"v":1,"request":"submit","tasks":[{"command":"a\u0000b"}]})",
                                         R"({"v":1,"request":"submit","tasks":[{"command":"a","env":1}]})",
                                         R"({"v":1,"request":"submit","tasks":[{"command_base64":"a"}]})",
                                         R"({"v":1,"request":"submit","tasks":[{"command":"a","slot_marks":[2]}]})",
                                         R"({"v":1,"request":"submit","tasks":[{"command":"a","slot_marks":[1,0]}]})",
                                         R"({"v":1,"request":"scale_add"})",
                                         R"({"v":1,"request":"scale_add","population":-1})",
                                         R"({"v":1,"request":"scale_add","population":1e3})",
                                         R"({"v":1,"request":"scale_add","population":70000})",
                                         R"({"v":1,"request":"scale_add","population":2,"via":"magic"})",
                                         R"({"v":1,"request":"scale_add","hosts":[{"host":"a","slots":0}]})",
                                         R"({"v":1,"request":"drain"})",
                                         R"({"v":1,"request":"drain","group":1,"host":"a"})",
                                         R"({"v":1,"request":"drain","group":4294967296})",
                                         R"({"v":1,"request":"cancel","tasks":[{"first":0,"last":1}]})",
                                         R"({"v":1,"request":"cancel","tasks":[{"first":2,"last":1}]})",
                                         R"({"v":1,"request":"explain"})",
                                         R"({"v":1,"request":"join_announce","host":"a"})",
                                         R"({"v":1,"id":-1,"request":"status"})"};
  for (const std::string& line : garbage) {
    const ProtocolError e = refusal(line);
    INFO(line << " -> " << e.what());
    CHECK(e.code() == ErrorCode::bad_request);
    CHECK_FALSE(std::string(e.what()).empty());
    CHECK_FALSE(e.expected().empty());
  }
}

TEST_CASE("a refusal names the request, the field and what is expected") {
  const ProtocolError e = refusal(R"({"v":1,"id":12,"request":"submit","tasks":[{"command":"a"},{"command":7}]})");
  CHECK(e.id() == 12);
  CHECK(std::string(e.what()) == "'tasks[1].command' must be a string");
  CHECK(refusal(R"({"v":1,"request":"stop","nwo":true})").expected().find("now") != std::string::npos);
  CHECK(refusal(R"({"v":1,"request":"statsu"})").expected().find("status") != std::string::npos);
}

TEST_CASE("another version of the protocol is recognised, whatever else is in the line") {
  const ProtocolError e = refusal(R"({"v":2,"id":3,"request":"new","thing":[]})");
  CHECK(e.code() == ErrorCode::other_protocol);
  CHECK(e.id() == 3);
  CHECK_THROWS_AS(decode_reply(R"({"v":2,"id":3,"reply":"status"})"), ProtocolError);
  const ReplyLine refused = decode_reply(R"({"v":2,"id":3,"reply":"error","code":"other_protocol","message":"m"})");
  CHECK(std::get<reply::Refused>(refused.reply).code == ErrorCode::other_protocol);
}

TEST_CASE("deep nesting costs nothing") {
  CHECK(refusal(std::string(1'000'000, '[')).code() == ErrorCode::bad_request);
  std::string objects = R"({"v":1,"request":"status","x":)";
  for (int i = 0; i < 100'000; ++i) objects += R"({"a":)";
  CHECK(refusal(objects).code() == ErrorCode::bad_request);
  // Brackets within strings are text.
  const std::string brackets(1000, '[');
  CHECK(round_trip(request::Submit{{command("echo \"" + brackets + "\\")}, false}).tasks[0].payload ==
        "echo \"" + brackets + "\\");
}

TEST_CASE("replies may have fields that this version does not know") {
  const ReplyLine line = decode_reply(R"({"v":1,"id":1,"more":false,"reply":"closed","unfinished":2,"colour":"red"})");
  CHECK(std::get<reply::Closed>(line.reply).num_unfinished == 2);
}

TEST_CASE("an event that is none is refused") {
  for (const char* line :
       {R"({"v":1,"id":1,"reply":"event"})", R"({"v":1,"id":1,"reply":"event","event":{},"more":true})"})
    CHECK_THROWS_AS(decode_reply(line), ProtocolError);
}

TEST_CASE("UTF-8 is recognised") {
  for (const char* good : {"", "a", "\xc3\xa9", "\xe2\x82\xac", "\xf0\x9f\x90\x84", "\xed\x9f\xbf", "\xf4\x8f\xbf\xbf"})
    CHECK(is_utf8(good));
  for (const char* bad : {"\x80", "\xc3", "\xc0\xaf", "\xe0\x80\xaf", "\xed\xa0\x80", "\xf4\x90\x80\x80",
                          "\xf5\x80\x80\x80", "a\xff", "\xe2\x82"})
    CHECK_FALSE(is_utf8(bad));
}

TEST_CASE("base64 as in RFC 4648, section 10") {
  const std::vector<std::pair<std::string, std::string>> vectors{{"", ""},
                                                                 {"f", "Zg=="},
                                                                 {"fo", "Zm8="},
                                                                 {"foo", "Zm9v"},
                                                                 {"foob", "Zm9vYg=="},
                                                                 {"fooba", "Zm9vYmE="},
                                                                 {"foobar", "Zm9vYmFy"}};
  for (const auto& [bytes, text] : vectors) {
    CHECK(encode_base64(bytes) == text);
    CHECK(decode_base64(text) == bytes);
  }
  std::string all;
  for (int i = 0; i < 256; ++i) all += static_cast<char>(i);
  CHECK(decode_base64(encode_base64(all)) == all);
  for (const char* bad : {"Z", "Zg", "Zg=", "Zg===", "Zh==", "=Zg=", "Zg==Zg==", "Zm9\n", "Z===", "===="})
    CHECK_FALSE(decode_base64(bad).has_value());
}
