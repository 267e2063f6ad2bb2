#include <algorithm>
#include <array>

#include "drover/control/host_slots.hpp"
#include "drover/control/json_fields.hpp"
#include "drover/control/protocol.hpp"
#include "drover/core/function_call.hpp"

namespace drover::control {

namespace json_fields {

namespace {

constexpr std::uint32_t kMostPopulation = 65'536;
constexpr std::uint32_t kMostSlots = 65'536;
[[noreturn]] void bad(const std::string& message, std::string expected) {
  throw ProtocolError(ErrorCode::bad_request, message, std::move(expected));
}

}  // namespace

// Outside the unnamed namespace: Writer and Reader find them by the namespace that they are in.

void call_fields(Writer& writer, core::TaskSpec& task) {
  const core::CallParts call = core::parse_call(task.payload);
  std::string name(call.name);
  std::string argument(call.argument);
  writer.required("function", name);
  writer.optional("argument", Bytes{argument});
}

void call_fields(Reader& reader, core::TaskSpec& task) {
  std::string name;
  std::string argument;
  reader.required("function", name);
  reader.optional("argument", Bytes{argument});
  if (name.empty() || name.find('\0') != std::string::npos)
    bad("the name of a function is empty or contains a NUL byte", "the name of a task of the program");
  task.kind = core::TaskKind::function;
  task.payload = core::call_payload(name, argument);
}

[[nodiscard]] bool is_call(const Writer&, const core::TaskSpec& task) {
  return task.kind == core::TaskKind::function;
}
[[nodiscard]] bool is_call(const Reader& reader, const core::TaskSpec&) {
  return reader.has("function");
}

template <class Archive>
void fields(Archive& archive, core::TaskSpec& task) {
  archive.optional("tag", Bytes{task.tag});
  if (is_call(archive, task)) return call_fields(archive, task);
  archive.required("command", Bytes{task.payload});
  archive.optional("slot_marks", task.slot_marks);
  if (!std::is_sorted(task.slot_marks.begin(), task.slot_marks.end()) ||
      (!task.slot_marks.empty() && task.slot_marks.back() > task.payload.size()))
    bad("'slot_marks' are not positions in the command", "ascending byte offsets");
  if (task.payload.empty() || task.payload.find('\0') != std::string::npos)
    bad("a command is empty or contains a NUL byte", "commands that a shell can run");
}

template <class Archive>
void fields(Archive& archive, TaskRange& range) {
  archive.required("first", range.first);
  archive.required("last", range.last);
  if (range.first.is_none() || range.last < range.first)
    bad("a range of tasks ends before it begins, or begins at 0", "first >= 1 and last >= first");
}

/// A field for each alternative, of which exactly one is there.
template <class... Alternatives>
void one_of(Writer& writer, std::variant<Alternatives...>& value,
            const std::array<const char*, sizeof...(Alternatives)>& keys) {
  std::visit([&](auto& alternative) { writer.required(keys[value.index()], alternative); }, value);
}

template <std::size_t I = 0, class... Alternatives>
void one_of(Reader& reader, std::variant<Alternatives...>& value,
            const std::array<const char*, sizeof...(Alternatives)>& keys) {
  if constexpr (I < sizeof...(Alternatives)) {
    if (!reader.has(keys[I])) return one_of<I + 1>(reader, value, keys);
    reader.required(keys[I], value.template emplace<I>());
  } else {
    std::string expected = "one of the fields";
    for (const char* key : keys) (expected += " ") += key;
    bad("nothing says what is meant", expected);
  }
}

template <class Archive>
void fields(Archive&, request::Hello&) {}
template <class Archive>
void fields(Archive&, request::Events&) {}
template <class Archive>
void fields(Archive&, request::Status&) {}
template <class Archive>
void fields(Archive&, request::Close&) {}

template <class Archive>
void fields(Archive& archive, request::Submit& request) {
  archive.required("tasks", request.tasks);
  archive.optional("wait", request.wait);
  if (request.tasks.empty()) bad("'tasks' is empty", "at least one task");
}

template <class Archive>
void fields(Archive& archive, request::ScaleAdd& request) {
  archive.optional("hosts", request.hosts);
  archive.number("population", request.population, 0U, kMostPopulation);
  archive.number("slots_per_worker", request.slots_per_worker, 0U, kMostSlots);
  archive.name("via", request.via, kWaysIn);
  for (const HostSlots& host : request.hosts) {
    if (const std::string fault = host_name_fault(host.host); !fault.empty()) bad(fault, "names or addresses of hosts");
    if (host.num_slots == 0) bad("a host has no slots", "host names with slots >= 1");
  }
  if (request.hosts.empty() && request.population == 0)
    bad("nothing says how many ranks to add", "hosts, or a population of at least 1");
}

template <class Archive>
void fields(Archive& archive, request::Drain& request) {
  one_of(archive, request.target, {"group", "worker", "host"});
  archive.optional("now", request.now);
  archive.optional("wait", request.wait);
}

template <class Archive>
void fields(Archive& archive, request::Cancel& request) {
  archive.required("tasks", request.tasks);
  if (request.tasks.empty()) bad("'tasks' is empty", "at least one range of tasks");
}

template <class Archive>
void fields(Archive& archive, request::Stop& request) {
  archive.optional("now", request.now);
}

template <class Archive>
void fields(Archive& archive, request::Explain& request) {
  one_of(archive, request.subject, {"task", "host"});
}

template <class Archive>
void fields(Archive& archive, request::JoinAnnounce& request) {
  archive.required("host", request.host);
  archive.required("drover_version", request.drover_version);
  archive.required("pid", request.pid);
  archive.number("population", request.population, 1U, kMostPopulation);
  archive.number("slots_per_worker", request.slots_per_worker, 1U, kMostSlots);
}

}  // namespace json_fields

namespace {

using namespace json_fields;

template <class Kind>
constexpr const char* kName = nullptr;
template <>
constexpr const char* kName<request::Hello> = "hello";
template <>
constexpr const char* kName<request::Events> = "events";
template <>
constexpr const char* kName<request::Status> = "status";
template <>
constexpr const char* kName<request::Submit> = "submit";
template <>
constexpr const char* kName<request::Close> = "close";
template <>
constexpr const char* kName<request::ScaleAdd> = "scale_add";
template <>
constexpr const char* kName<request::Drain> = "drain";
template <>
constexpr const char* kName<request::Cancel> = "cancel";
template <>
constexpr const char* kName<request::Stop> = "stop";
template <>
constexpr const char* kName<request::Explain> = "explain";
template <>
constexpr const char* kName<request::JoinAnnounce> = "join_announce";

/// Calls `visit` with a default-made request of each kind, until one returns true.
template <class Visit, class... Kinds>
bool any_kind(const Visit& visit, const std::variant<Kinds...>*) {
  return (visit(Kinds{}) || ...);
}
template <class Visit>
bool any_kind(const Visit& visit) {
  return visit(request::Hello{}) || visit(request::Events{}) || any_kind(visit, static_cast<Request*>(nullptr));
}

AnyRequest read_request(Reader& reader, const std::string& name) {
  AnyRequest request;
  std::string expected;
  const bool is_known = any_kind([&]<class Kind>(Kind kind) {
    (expected += expected.empty() ? "one of " : ", ") += kName<Kind>;
    if (name != kName<Kind>) return false;
    fields(reader, kind);
    request = std::move(kind);
    return true;
  });
  if (!is_known) throw ProtocolError(ErrorCode::bad_request, "unknown request '" + name.substr(0, 80) + "'", expected);
  return request;
}

}  // namespace

std::string encode(const RequestLine& line) {
  Json object{{"v", kProtocolVersion}, {"id", line.id}};
  Writer writer(object);
  const auto write = [&]<class Kind>(Kind kind) {
    object["request"] = kName<Kind>;
    fields(writer, kind);
  };
  if (const auto* request = std::get_if<Request>(&line.request))
    std::visit(write, *request);
  else if (std::holds_alternative<request::Hello>(line.request))
    write(request::Hello{});
  else
    write(request::Events{});
  return to_line(object);
}

RequestLine decode_request(std::string_view text) {
  RequestLine line;
  try {
    const Json object = parse_object(text);
    Reader reader(object, "", UnknownFields::refused);
    reader.optional("id", line.id);
    int version = 0;
    reader.required("v", version);
    if (version != kProtocolVersion)
      throw ProtocolError(ErrorCode::other_protocol,
                          "this master speaks version " + std::to_string(kProtocolVersion) +
                              " of the protocol, the client " + std::to_string(version),
                          R"("v":)" + std::to_string(kProtocolVersion));
    std::string name;
    reader.required("request", name);
    line.request = read_request(reader, name);
    reader.finish();
  } catch (ProtocolError& e) {
    e.set_id(line.id);
    throw;
  }
  return line;
}

}  // namespace drover::control
