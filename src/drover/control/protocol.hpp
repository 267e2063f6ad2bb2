// Requests and replies as lines of JSON.
//
// A request is one line, an object of at most kMostLineBytes:
//
//   {"v":1,"id":7,"request":"drain","group":2,"now":true}
//
// `v` is the version of the protocol; `id` (default 0) is the client's own number for the request and
// comes back with every reply to it. Then the fields of that request:
//
//   hello
//   status
//   submit         tasks[{command, slot_marks?[], tag?} | {function, argument?, tag?}] wait?
//   close
//   scale_add      hosts[{host, slots}]? population? slots_per_worker? via(auto|spawn|join)?
//   drain          group | worker | host, now? wait?
//   cancel         tasks[{first, last}]
//   stop           now?
//   explain        task | host
//   events
//   join_announce  host drover_version pid population slots_per_worker
//
// A field that is not known is an error: a misspelt `now` must not be dropped silently. Commands that
// are not UTF-8 are given as `command_base64`, arguments as `argument_base64`.
//
// A reply is one line too: `v`, `id`, `reply` (its kind: the names of replies.hpp in lower case with
// underscores, an error is `error`), `more` (true: further replies to this request follow), then its
// fields. Times are seconds. Fields may be added.
#pragma once

#include <cstddef>
#include <cstdint>
#include <string>
#include <string_view>

#include "drover/control/replies.hpp"
#include "drover/control/requests.hpp"
#include "drover/support/error.hpp"

namespace drover::control {

inline constexpr int kProtocolVersion = 1;
inline constexpr std::size_t kMostLineBytes = 1U << 20;
/// Unanswered requests that a client may have at once.
inline constexpr std::size_t kMostOpenRequests = 64;

/// A line that is no message of this protocol; becomes a reply::Refused.
class ProtocolError : public Error {
 public:
  ProtocolError(ErrorCode code, const std::string& message, std::string expected)
      : Error(message), code_(code), expected_(std::move(expected)) {}

  [[nodiscard]] ErrorCode code() const { return code_; }
  [[nodiscard]] const std::string& expected() const { return expected_; }
  /// The client's number for the request, 0 when it could not be read.
  [[nodiscard]] std::uint64_t id() const { return id_; }
  void set_id(std::uint64_t id) { id_ = id; }

 private:
  ErrorCode code_;
  std::string expected_;
  std::uint64_t id_ = 0;
};

struct RequestLine {
  std::uint64_t id = 0;
  AnyRequest request;
};

struct ReplyLine {
  std::uint64_t id = 0;
  bool has_more = false;
  Reply reply;
};

/// With its newline.
[[nodiscard]] std::string encode(const RequestLine& line);
[[nodiscard]] std::string encode(const ReplyLine& line);

/// `line` is without its newline. Throws ProtocolError, whatever the bytes are; takes memory and time
/// in proportion to them.
[[nodiscard]] RequestLine decode_request(std::string_view line);
[[nodiscard]] ReplyLine decode_reply(std::string_view line);

}  // namespace drover::control
