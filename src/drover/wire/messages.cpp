// The body of a message is a binary archive of its fields in order; the envelope has its type (the
// index in Message) and the version. Serialization of the values is outside of them, here.

#include "drover/wire/messages.hpp"

#include <boost/archive/archive_exception.hpp>
#include <boost/archive/binary_iarchive_impl.hpp>
#include <boost/archive/binary_oarchive.hpp>
#include <boost/archive/impl/basic_binary_iarchive.ipp>
#include <boost/archive/impl/basic_binary_iprimitive.ipp>
#include <boost/serialization/level.hpp>
#include <boost/serialization/string.hpp>
#include <boost/serialization/tracking.hpp>
#include <boost/serialization/vector.hpp>
#include <type_traits>

#include "drover/support/byte_streams.hpp"
#include "drover/wire/envelope.hpp"

// The envelope versions all of them together, and none is ever shared by pointers.
#define DROVER_PLAIN(TYPE)                                                    \
  BOOST_CLASS_IMPLEMENTATION(TYPE, boost::serialization::object_serializable) \
  BOOST_CLASS_TRACKING(TYPE, boost::serialization::track_never)
DROVER_PLAIN(drover::core::TaskId)
DROVER_PLAIN(drover::core::WorkerId)
DROVER_PLAIN(drover::core::GroupId)
DROVER_PLAIN(drover::core::OwnerId)
DROVER_PLAIN(drover::core::AttemptId)
DROVER_PLAIN(drover::core::TaskSpec)
DROVER_PLAIN(drover::core::Assignment)
DROVER_PLAIN(drover::core::AttemptResult)
DROVER_PLAIN(drover::core::Outcome)
DROVER_PLAIN(drover::core::Exited)
DROVER_PLAIN(drover::core::Signaled)
DROVER_PLAIN(drover::core::TimedOut)
DROVER_PLAIN(drover::core::NotStarted)
DROVER_PLAIN(drover::core::Killed)
DROVER_PLAIN(drover::core::Threw)
DROVER_PLAIN(drover::core::ExecProfile)
DROVER_PLAIN(drover::core::Duration)
DROVER_PLAIN(drover::wire::OutputChunk)
DROVER_PLAIN(drover::wire::Hello)
DROVER_PLAIN(drover::wire::Report)
DROVER_PLAIN(drover::wire::Goodbye)
DROVER_PLAIN(drover::wire::Welcome)
DROVER_PLAIN(drover::wire::Ticket)
DROVER_PLAIN(drover::wire::Recall)
DROVER_PLAIN(drover::wire::Kill)
DROVER_PLAIN(drover::wire::Drain)
DROVER_PLAIN(drover::wire::OutputAck)
DROVER_PLAIN(drover::wire::Ping)
DROVER_PLAIN(drover::wire::SubmittedCall)
DROVER_PLAIN(drover::wire::Submit)
DROVER_PLAIN(drover::wire::Withdraw)
DROVER_PLAIN(drover::wire::SettledCall)
DROVER_PLAIN(drover::wire::Settled)
DROVER_PLAIN(drover::wire::Call)
DROVER_PLAIN(drover::wire::ValueId)
DROVER_PLAIN(drover::wire::Fetch)
DROVER_PLAIN(drover::wire::Piece)
DROVER_PLAIN(drover::wire::Release)
DROVER_PLAIN(drover::wire::SubmitAck)
DROVER_PLAIN(drover::wire::Advanced)
DROVER_PLAIN(drover::wire::Progress)
DROVER_PLAIN(drover::wire::Remark)
#undef DROVER_PLAIN

namespace drover::wire {
namespace {

/// Constructs the alternative of a variant that an index names.
template <class Variant, std::size_t I = 0>
Variant alternative(std::size_t index, const char* what) {
  if constexpr (I < std::variant_size_v<Variant>) {
    if (index == I) return Variant(std::in_place_index<I>);
    return alternative<Variant, I + 1>(index, what);
  } else {
    throw DecodeError("unknown " + std::string(what) + " " + std::to_string(index));
  }
}

}  // namespace
}  // namespace drover::wire

namespace boost::serialization {

namespace core = drover::core;
namespace wire = drover::wire;

template <class Archive, class Tag, class Rep>
void serialize(Archive& ar, drover::support::StrongId<Tag, Rep>& id, unsigned) {
  ar& id.value;
}

template <class Archive>
void serialize(Archive& ar, core::Duration& duration, unsigned) {
  core::Duration::rep count = duration.count();
  ar& count;
  duration = core::Duration(count);
}

template <class Archive>
void serialize(Archive& ar, core::AttemptId& v, unsigned) {
  ar& v.task& v.n;
}
template <class Archive>
void serialize(Archive& ar, core::TaskSpec& v, unsigned) {
  ar& v.kind& v.payload& v.slot_marks& v.tag& v.priority& v.depth& v.maker& v.timeout;
}
template <class Archive>
void serialize(Archive& ar, core::Assignment& v, unsigned) {
  ar& v.attempt& v.spec& v.owner;
}

template <class Archive>
void serialize(Archive& ar, core::Exited& v, unsigned) {
  ar& v.code;
}
template <class Archive>
void serialize(Archive& ar, core::Signaled& v, unsigned) {
  ar& v.signal;
}
template <class Archive>
void serialize(Archive& ar, core::TimedOut& v, unsigned) {
  ar& v.signal;
}
template <class Archive>
void serialize(Archive& ar, core::NotStarted& v, unsigned) {
  ar& v.errno_value& v.reason;
}
template <class Archive>
void serialize(Archive&, core::Killed&, unsigned) {}
template <class Archive>
void serialize(Archive& ar, core::Threw& v, unsigned) {
  ar& v.type& v.text;
}

template <class Archive>
void serialize(Archive& ar, core::Outcome& v, unsigned) {
  std::uint8_t index = static_cast<std::uint8_t>(v.index());
  ar& index;
  if constexpr (Archive::is_loading::value) v = wire::alternative<core::Outcome>(index, "outcome");
  std::visit([&ar](auto& outcome) { ar& outcome; }, v);
}

template <class Archive>
void serialize(Archive& ar, core::AttemptResult& v, unsigned) {
  ar& v.attempt& v.outcome& v.started_at& v.runtime& v.stdout_bytes& v.stderr_bytes& v.cpu_time& v.max_rss_kib& v
      .stderr_tail& v.value;
}
template <class Archive>
void serialize(Archive& ar, core::ExecProfile& v, unsigned) {
  ar& v.shell& v.workdir& v.env& v.timeout& v.kill_after& v.run_id& v.run_dir;
}

template <class Archive>
void serialize(Archive& ar, wire::OutputChunk& v, unsigned) {
  bool is_known = v.attempt.has_value();
  core::AttemptId attempt = v.attempt.value_or(core::AttemptId{});
  ar& is_known& attempt& v.stream& v.bytes;
  v.attempt = is_known ? std::optional(attempt) : std::nullopt;
}
template <class Archive>
void serialize(Archive& ar, wire::Hello& v, unsigned) {
  ar& v.drover_version& v.host& v.pid& v.pid_scope& v.num_slots;
}
template <class Archive>
void serialize(Archive& ar, wire::Report& v, unsigned) {
  ar& v.outputs& v.started& v.ended& v.handed_back& v.num_waiting;
}
template <class Archive>
void serialize(Archive&, wire::Goodbye&, unsigned) {}
template <class Archive>
void serialize(Archive& ar, wire::Welcome& v, unsigned) {
  ar& v.worker& v.group& v.first_job_slot& v.profile& v.origin& v.heartbeat& v.master_lease& v.output_window& v
      .max_ahead;
}
template <class Archive>
void serialize(Archive& ar, wire::Ticket& v, unsigned) {
  ar& v.assignments;
}
template <class Archive>
void serialize(Archive& ar, wire::Recall& v, unsigned) {
  ar& v.attempts;
}
template <class Archive>
void serialize(Archive& ar, wire::Kill& v, unsigned) {
  ar& v.attempts;
}
template <class Archive>
void serialize(Archive& ar, wire::Drain& v, unsigned) {
  // Not as a bool: Boost asserts on a damaged one.
  std::uint8_t now = v.now ? 1 : 0;
  ar& now& v.reason;
  v.now = now != 0;
}
template <class Archive>
void serialize(Archive& ar, wire::OutputAck& v, unsigned) {
  ar& v.num_bytes;
}
template <class Archive>
void serialize(Archive&, wire::Ping&, unsigned) {}
template <class Archive>
void serialize(Archive& ar, wire::SubmittedCall& v, unsigned) {
  ar& v.number& v.spec;
}
template <class Archive>
void serialize(Archive& ar, wire::Submit& v, unsigned) {
  ar& v.calls;
}
template <class Archive>
void serialize(Archive& ar, wire::Withdraw& v, unsigned) {
  ar& v.calls;
}
template <class Archive>
void serialize(Archive& ar, wire::SettledCall& v, unsigned) {
  std::uint8_t how = v.how ? static_cast<std::uint8_t>(static_cast<unsigned>(*v.how) + 1) : 0;
  ar& v.number& how& v.outcome& v.num_attempts& v.value;
  v.how.reset();
  if (how > 0) v.how = static_cast<core::TaskEnd>(how - 1);
}
template <class Archive>
void serialize(Archive& ar, wire::Settled& v, unsigned) {
  ar& v.calls;
}
template <class Archive>
void serialize(Archive& ar, wire::Call& v, unsigned) {
  ar& v.assignment& v.slot& v.job_slot& v.worker& v.group& v.host;
}
template <class Archive>
void serialize(Archive& ar, wire::Fetch& v, unsigned) {
  ar& v.value& v.offset;
}
template <class Archive>
void serialize(Archive& ar, wire::Piece& v, unsigned) {
  std::uint8_t is_there = v.is_there ? 1 : 0;
  ar& v.value& is_there& v.size& v.bytes;
  v.is_there = is_there != 0;
}
template <class Archive>
void serialize(Archive& ar, wire::Progress& v, unsigned) {
  ar& v.attempt& v.fraction& v.text;
}
template <class Archive>
void serialize(Archive& ar, wire::Remark& v, unsigned) {
  ar& v.text;
}
template <class Archive>
void serialize(Archive& ar, wire::Advanced& v, unsigned) {
  ar& v.number& v.fraction& v.text;
}
template <class Archive>
void serialize(Archive& ar, wire::SubmitAck& v, unsigned) {
  ar& v.num_calls;
}
template <class Archive>
void serialize(Archive& ar, wire::Release& v, unsigned) {
  ar& v.values;
}

}  // namespace boost::serialization

namespace drover::wire {

namespace {

constexpr unsigned kArchiveFlags = boost::archive::no_header | boost::archive::no_codecvt | boost::archive::no_tracking;

/// Boost's binary archive, but a length that exceeds what is left of the message is an error before
/// memory is taken for it.
class BoundedArchive : public boost::archive::binary_iarchive_impl<BoundedArchive, char, std::char_traits<char>> {
  using Base = boost::archive::binary_iarchive_impl<BoundedArchive, char, std::char_traits<char>>;
  friend class boost::archive::detail::interface_iarchive<BoundedArchive>;
  friend class boost::archive::load_access;

 public:
  explicit BoundedArchive(support::SpanReader& reader) : Base(reader, kArchiveFlags), reader_(reader) {}

 private:
  using Base::load;
  void load(std::string& text) {
    std::size_t length = 0;
    load(length);
    require(length);
    text = reader_.take(length);
  }
  /// Boost only asserts that the byte is one.
  void load(bool& value) {
    unsigned char byte = 0;
    load(byte);
    if (byte > 1) throw DecodeError("message body does not fit its type: no truth value");
    value = byte == 1;
  }

  template <class T>
  void load_override(T& value) {
    Base::load_override(value);
  }
  void load_override(boost::serialization::collection_size_type& num) {
    Base::load_override(num);
    require(
        static_cast<const boost::serialization::collection_size_type&>(num));  // every element takes a byte at least
  }

  void require(std::size_t num_bytes) const {
    if (num_bytes > reader_.num_left()) throw DecodeError("message body does not fit its type: impossible length");
  }

  support::SpanReader& reader_;
};

}  // namespace
}  // namespace drover::wire

// As Boost's own binary archives, one of which writes: arrays of numbers go as one block.
BOOST_SERIALIZATION_USE_ARRAY_OPTIMIZATION(drover::wire::BoundedArchive)

namespace drover::wire {

std::string encode(const Message& message) {
  std::string bytes(kEnvelopeBytes, '\0');
  support::StringWriter writer(bytes);
  boost::archive::binary_oarchive archive(writer, kArchiveFlags);
  std::visit([&archive](const auto& m) { archive << m; }, message);
  seal(bytes, static_cast<std::uint16_t>(message.index()));
  return bytes;
}

Message decode(std::span<const char> bytes) {
  const Opened opened = open(bytes);
  auto message = alternative<Message>(opened.type, "message type");
  support::SpanReader reader(opened.body);
  try {
    BoundedArchive archive(reader);
    std::visit([&archive](auto& m) { archive >> m; }, message);
  } catch (const boost::archive::archive_exception& e) {
    throw DecodeError(std::string("message body does not fit its type: ") + e.what());
  }
  if (reader.num_left() != 0) throw DecodeError("message body is longer than its type");
  return message;
}

}  // namespace drover::wire
