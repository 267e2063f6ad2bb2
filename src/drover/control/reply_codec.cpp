#include <array>

#include "drover/control/json_fields.hpp"
#include "drover/control/protocol.hpp"

namespace drover::control {

namespace json_fields {

namespace {

constexpr std::array<Named<RunPhase>, 5> kPhases{{{RunPhase::starting, "starting"},
                                                  {RunPhase::running, "running"},
                                                  {RunPhase::waiting, "waiting"},
                                                  {RunPhase::stopping, "stopping"},
                                                  {RunPhase::closing, "closing"}}};
constexpr std::array<Named<core::GroupSource>, 3> kSources{
    {{core::GroupSource::world, "world"}, {core::GroupSource::spawn, "spawn"}, {core::GroupSource::join, "join"}}};
constexpr std::array<Named<GroupState>, 5> kGroupStates{{{GroupState::starting, "starting"},
                                                         {GroupState::running, "running"},
                                                         {GroupState::draining, "draining"},
                                                         {GroupState::left, "left"},
                                                         {GroupState::lost, "lost"}}};
constexpr std::array<Named<WorkerState>, 4> kWorkerStates{{{WorkerState::idle, "idle"},
                                                           {WorkerState::busy, "busy"},
                                                           {WorkerState::draining, "draining"},
                                                           {WorkerState::silent, "silent"}}};
constexpr std::array<Named<reply::JoinEnded::How>, 3> kJoinEnds{{{reply::JoinEnded::How::left, "left"},
                                                                 {reply::JoinEnded::How::wanted_again, "wanted_again"},
                                                                 {reply::JoinEnded::How::work_left, "work_left"}}};
constexpr std::array<Named<core::TaskEnd>, 5> kTaskEnds{{
    {core::TaskEnd::succeeded, to_string(core::TaskEnd::succeeded)},
    {core::TaskEnd::failed, to_string(core::TaskEnd::failed)},
    {core::TaskEnd::timed_out, to_string(core::TaskEnd::timed_out)},
    {core::TaskEnd::cancelled, to_string(core::TaskEnd::cancelled)},
    {core::TaskEnd::quarantined, to_string(core::TaskEnd::quarantined)},
}};
constexpr std::array<Named<ErrorCode>, 10> kErrorCodes{{{ErrorCode::bad_request, "bad_request"},
                                                        {ErrorCode::other_protocol, "other_protocol"},
                                                        {ErrorCode::too_long, "too_long"},
                                                        {ErrorCode::too_many_requests, "too_many_requests"},
                                                        {ErrorCode::too_many_clients, "too_many_clients"},
                                                        {ErrorCode::not_yours, "not_yours"},
                                                        {ErrorCode::unknown_target, "unknown_target"},
                                                        {ErrorCode::impossible, "impossible"},
                                                        {ErrorCode::failed, "failed"},
                                                        {ErrorCode::run_over, "run_over"}}};

}  // namespace

// Outside the unnamed namespace: Writer and Reader find them by the namespace that they are in.

template <class Archive>
void fields(Archive& archive, core::Counts& counts) {
  archive.required("accepted", counts.accepted);
  archive.required("succeeded", counts.succeeded);
  archive.required("failed", counts.failed);
  archive.required("timed_out", counts.timed_out);
  archive.required("cancelled", counts.cancelled);
  archive.required("quarantined", counts.quarantined);
  archive.required("ready", counts.ready);
  archive.required("delayed", counts.delayed);
  archive.required("dispatched", counts.dispatched);
  archive.required("executing", counts.executing);
  archive.required("superseded", counts.superseded);
  archive.required("lost_attempts", counts.lost_attempts);
  archive.required("workers_joined", counts.workers_joined);
  archive.required("workers_lost", counts.workers_lost);
}

template <class Archive>
void fields(Archive& archive, GroupStatus& group) {
  archive.required("group", group.group);
  archive.name("source", group.source, kSources);
  archive.name("state", group.state, kGroupStates);
  archive.required("population", group.population);
  archive.required("workers", group.num_workers);
  archive.required("lost", group.num_lost);
  archive.required("slots", group.num_slots);
  archive.required("busy_slots", group.num_busy_slots);
  archive.required("age", group.age);
}

template <class Archive>
void fields(Archive& archive, WorkerStatus& worker) {
  archive.required("worker", worker.worker);
  archive.required("group", worker.group);
  archive.required("host", worker.host);
  archive.required("pid", worker.pid);
  archive.name("state", worker.state, kWorkerStates);
  archive.required("slots", worker.num_slots);
  archive.required("executing", worker.num_executing);
  archive.required("held", worker.num_held);
  archive.required("silent_for", worker.silent_for);
}

template <class Archive>
void fields(Archive& archive, QuarantinedHost& host) {
  archive.required("host", host.host);
  archive.required("reason", host.reason);
}

template <class Archive>
void fields(Archive& archive, OutputExtent& extent) {
  archive.required("offset", extent.offset);
  archive.required("length", extent.length);
}

template <class Archive>
void fields(Archive& archive, reply::Hello& reply) {
  archive.required("drover_version", reply.drover_version);
  archive.required("run_id", reply.run_id);
  archive.required("run_dir", Bytes{reply.run_dir});
  archive.required("host", reply.host);
  archive.required("pid", reply.pid);
  archive.optional("name_server", reply.name_server);
  archive.optional("takes_hosts", reply.takes_hosts);
  archive.optional("join_obstacle", reply.join_obstacle);
  archive.optional("mpi_version", reply.mpi_version);
}

template <class Archive>
void fields(Archive& archive, reply::Status& reply) {
  archive.name("phase", reply.phase, kPhases);
  archive.required("run_id", reply.run_id);
  archive.required("run_dir", Bytes{reply.run_dir});
  archive.required("host", reply.host);
  archive.required("pid", reply.pid);
  archive.required("elapsed", reply.elapsed);
  archive.required("is_kept_open", reply.is_kept_open);
  archive.required("is_input_ended", reply.is_input_ended);
  archive.required("counts", reply.counts);
  archive.required("tasks_per_second", reply.tasks_per_second);
  archive.optional("mean_runtime", reply.mean_runtime);
  archive.optional("remaining", reply.remaining);
  archive.required("slots", reply.num_slots);
  archive.required("groups", reply.groups);
  archive.required("workers", reply.workers);
  archive.required("quarantined_hosts", reply.quarantined_hosts);
  archive.required("notices", reply.notices);
}

template <class Archive>
void fields(Archive& archive, reply::Submitted& reply) {
  archive.required("first", reply.first);
  archive.required("last", reply.last);
  archive.required("output_dir", Bytes{reply.output_dir});
  archive.required("file_per_task", reply.has_file_per_task);
}

template <class Archive>
void fields(Archive& archive, reply::TaskResult& reply) {
  archive.required("task", reply.task);
  archive.name("how", reply.how, kTaskEnds);
  archive.required("tag", Bytes{reply.tag});
  archive.required("attempt", reply.attempt);
  archive.required("outcome", reply.outcome);
  archive.required("exit", reply.exit_value);
  archive.required("signal", reply.signal);
  archive.required("host", reply.host);
  archive.required("runtime", reply.runtime);
  archive.required("stdout", reply.out);
  archive.required("stderr", reply.err);
}

template <class Archive>
void fields(Archive& archive, reply::SubmitEnd& reply) {
  archive.required("succeeded", reply.num_succeeded);
  archive.required("unsuccessful", reply.num_unsuccessful);
}

template <class Archive>
void fields(Archive& archive, reply::Closed& reply) {
  archive.required("unfinished", reply.num_unfinished);
}

template <class Archive>
void fields(Archive& archive, reply::ScaleAdded& reply) {
  archive.required("group", reply.group);
  archive.name("via", reply.via, kWaysIn);
  archive.required("workers", reply.num_workers);
  archive.required("hosts", reply.hosts);
}

template <class Archive>
void fields(Archive& archive, reply::Draining& reply) {
  archive.required("workers", reply.workers);
}

template <class Archive>
void fields(Archive& archive, reply::Drained& reply) {
  archive.required("left", reply.num_left);
  archive.required("lost", reply.num_lost);
}

template <class Archive>
void fields(Archive& archive, reply::Cancelled& reply) {
  archive.required("cancelled", reply.num_cancelled);
  archive.required("ended_before", reply.num_ended_before);
  archive.required("unknown", reply.num_unknown);
}

template <class Archive>
void fields(Archive& archive, reply::Stopping& reply) {
  archive.required("executing", reply.num_executing);
  archive.required("unfinished", reply.num_unfinished);
}

template <class Archive>
void fields(Archive& archive, reply::Explanation& reply) {
  archive.required("text", reply.text);
}

template <class Archive>
void fields(Archive& archive, reply::JoinAccepted& reply) {
  archive.required("port", reply.port);
  archive.required("group", reply.group);
}

template <class Archive>
void fields(Archive& archive, reply::JoinEnded& reply) {
  archive.name("how", reply.how, kJoinEnds);
}

template <class Archive>
void fields(Archive& archive, reply::Note& reply) {
  archive.required("text", reply.text);
}

template <class Archive>
void fields(Archive&, reply::Subscribed&) {}

template <class Archive>
void fields(Archive& archive, reply::Missed& reply) {
  archive.required("replies", reply.num_replies);
}

template <class Archive>
void fields(Archive&, reply::RunOver&) {}

template <class Archive>
void fields(Archive& archive, reply::Refused& reply) {
  archive.name("code", reply.code, kErrorCodes);
  archive.required("message", reply.message);
  archive.optional("expected", reply.expected);
}

}  // namespace json_fields

namespace {

using namespace json_fields;

template <class Kind>
constexpr const char* kName = nullptr;
template <>
constexpr const char* kName<reply::Hello> = "hello";
template <>
constexpr const char* kName<reply::Status> = "status";
template <>
constexpr const char* kName<reply::Submitted> = "submitted";
template <>
constexpr const char* kName<reply::TaskResult> = "task_result";
template <>
constexpr const char* kName<reply::SubmitEnd> = "submit_end";
template <>
constexpr const char* kName<reply::Closed> = "closed";
template <>
constexpr const char* kName<reply::ScaleAdded> = "scale_added";
template <>
constexpr const char* kName<reply::Draining> = "draining";
template <>
constexpr const char* kName<reply::Drained> = "drained";
template <>
constexpr const char* kName<reply::Cancelled> = "cancelled";
template <>
constexpr const char* kName<reply::Stopping> = "stopping";
template <>
constexpr const char* kName<reply::Explanation> = "explanation";
template <>
constexpr const char* kName<reply::JoinAccepted> = "join_accepted";
template <>
constexpr const char* kName<reply::JoinEnded> = "join_ended";
template <>
constexpr const char* kName<reply::Note> = "note";
template <>
constexpr const char* kName<reply::Subscribed> = "subscribed";
template <>
constexpr const char* kName<reply::Event> = "event";
template <>
constexpr const char* kName<reply::Missed> = "missed";
template <>
constexpr const char* kName<reply::RunOver> = "run_over";
template <>
constexpr const char* kName<reply::Refused> = "error";

/// The event is put in as it is: parsing it only to write it again would be most of the work.
std::string encode_event(std::uint64_t id, bool has_more, const std::string& event) {
  std::string line = R"({"v":)" + std::to_string(kProtocolVersion) + R"(,"id":)" + std::to_string(id);
  line += has_more ? R"(,"reply":"event","more":true,"event":)" : R"(,"reply":"event","more":false,"event":)";
  return line.append(event).append("}\n");
}

/// The event as it stands in the line, of which it is the last field. Once parsed it would have another
/// order, and other digits.
std::string event_in(std::string_view line) {
  constexpr std::string_view kKey = R"("event":)";
  const std::size_t key = line.find(kKey);
  const std::size_t end = line.rfind('}');
  const std::string_view event =
      key == std::string_view::npos ? "" : line.substr(key + kKey.size(), end - key - kKey.size());
  if (!Json::accept(event))
    throw ProtocolError(ErrorCode::bad_request, "'event' is not there", "the field event, last");
  return std::string(event);
}

template <class Kind>
void read(Reader& reader, std::string_view line, Kind& kind) {
  if constexpr (std::is_same_v<Kind, reply::Event>)
    kind.json = event_in(line);
  else
    fields(reader, kind);
}

template <class... Kinds>
Reply read_reply(Reader& reader, std::string_view text, const std::string& name, const std::variant<Kinds...>*) {
  Reply reply;
  const auto try_kind = [&]<class Kind>(Kind kind) {
    if (name != kName<Kind>) return false;
    read(reader, text, kind);
    reply = std::move(kind);
    return true;
  };
  if (!(try_kind(Kinds{}) || ...))
    throw ProtocolError(ErrorCode::bad_request, "unknown reply '" + name.substr(0, 80) + "'", "a reply");
  return reply;
}

}  // namespace

std::string encode(const ReplyLine& line) {
  if (const auto* event = std::get_if<reply::Event>(&line.reply))
    return encode_event(line.id, line.has_more, event->json);
  Json object{{"v", kProtocolVersion}, {"id", line.id}, {"more", line.has_more}};
  Writer writer(object);
  std::visit(
      [&]<class Kind>(Kind kind) {
        object["reply"] = kName<Kind>;
        if constexpr (!std::is_same_v<Kind, reply::Event>) fields(writer, kind);
      },
      line.reply);
  return to_line(object);
}

ReplyLine decode_reply(std::string_view text) {
  ReplyLine line;
  const Json object = parse_object(text);
  Reader reader(object, "", UnknownFields::ignored);
  int version = 0;
  std::string name;
  reader.required("v", version);
  reader.optional("id", line.id);
  reader.optional("more", line.has_more);
  reader.required("reply", name);
  if (version != kProtocolVersion && name != kName<reply::Refused>)
    throw ProtocolError(ErrorCode::other_protocol,
                        "the master speaks version " + std::to_string(version) + " of the protocol, this drover " +
                            std::to_string(kProtocolVersion),
                        "");
  line.reply = read_reply(reader, text, name, static_cast<Reply*>(nullptr));
  return line;
}

}  // namespace drover::control
