#include "drover/runtime/joiner.hpp"

#include <fcntl.h>
#include <poll.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <sys/wait.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <cerrno>
#include <csignal>
#include <cstdlib>
#include <cstring>
#include <memory>
#include <optional>

#include "drover/control/connection.hpp"
#include "drover/control/control_socket.hpp"
#include "drover/control/protocol.hpp"
#include "drover/runtime/abstract_socket.hpp"
#include "drover/runtime/child_process.hpp"
#include "drover/runtime/clock.hpp"
#include "drover/runtime/launcher.hpp"
#include "drover/runtime/signal_inbox.hpp"
#include "drover/support/duration.hpp"
#include "drover/support/error.hpp"

namespace drover::runtime {

namespace {

using namespace std::chrono_literals;
namespace reply = control::reply;
namespace request = control::request;

constexpr core::Duration kAnswerLimit = 10s;
constexpr core::Duration kRetryPause = 500ms;
/// How long the ranks may go on after the master's end, to say goodbye.
constexpr core::Duration kEndGrace = 5s;
constexpr std::size_t kMostPortBytes = 4096;

constexpr std::uint64_t kHello = 1;
constexpr std::uint64_t kAnnounce = 2;
constexpr std::uint64_t kDrain = 3;

/// A control channel to the master, direct or through a relay.
class Channel {
 public:
  /// Null when nobody answers (yet).
  static std::unique_ptr<Channel> open(const JoinPlan& plan);
  ~Channel();

  [[nodiscard]] int fd() const { return connection_.fd(); }
  void send(std::uint64_t id, control::AnyRequest request);
  /// The next reply that has come.
  [[nodiscard]] std::optional<control::ReplyLine> next();
  /// Waits for one.
  [[nodiscard]] std::optional<control::ReplyLine> wait(core::Duration limit);
  [[nodiscard]] bool is_gone() const { return connection_.has_ended() || connection_.is_broken(); }

 private:
  Channel(support::UniqueFd socket, pid_t relay) : connection_(std::move(socket)), relay_(relay) {}

  control::Connection connection_;
  pid_t relay_ = -1;
};

std::unique_ptr<Channel> Channel::open(const JoinPlan& plan) {
  if (plan.relay.empty()) {
    control::Connected connected = control::connect_to(plan.run_dir);
    if (!connected.socket) return nullptr;
    return std::unique_ptr<Channel>(new Channel(std::move(connected.socket), -1));
  }
  std::array<int, 2> ends{};
  if (::socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, ends.data()) < 0)
    throw system_error("cannot open a channel to the relay", errno);
  support::UniqueFd mine(ends[0]);
  const support::UniqueFd theirs(ends[1]);
  std::vector<char*> argv;
  for (const std::string& word : plan.relay) argv.push_back(const_cast<char*>(word.c_str()));  // exec's signature
  argv.push_back(nullptr);
  const pid_t pid = ::fork();
  if (pid < 0) throw system_error("cannot start the relay", errno);
  if (pid == 0) {
    ::dup2(theirs.get(), STDIN_FILENO);
    ::dup2(theirs.get(), STDOUT_FILENO);
    sigset_t none;
    sigemptyset(&none);
    ::sigprocmask(SIG_SETMASK, &none, nullptr);
    ::execvp(argv[0], argv.data());
    ::_exit(127);
  }
  return std::unique_ptr<Channel>(new Channel(std::move(mine), pid));
}

Channel::~Channel() {
  if (relay_ < 0) return;
  ::kill(relay_, SIGTERM);
  while (::waitpid(relay_, nullptr, 0) < 0 && errno == EINTR) {
  }
}

void Channel::send(std::uint64_t id, control::AnyRequest request) {
  connection_.enqueue(control::encode(control::RequestLine{id, std::move(request)}));
  connection_.send();
}

std::optional<control::ReplyLine> Channel::next() {
  connection_.send();
  while (true) {
    if (const auto line = connection_.next_line()) return control::decode_reply(*line);
    if (!connection_.receive()) return std::nullopt;
  }
}

std::optional<control::ReplyLine> Channel::wait(core::Duration limit) {
  const core::Time deadline = now() + limit;
  while (now() < deadline && !is_gone()) {
    if (auto line = next()) return line;
    pollfd polled{fd(), POLLIN, 0};
    ::poll(&polled, 1, 100);
  }
  return std::nullopt;
}

/// The socket on which rank 0 asks for the port.
class RankDoor {
 public:
  RankDoor() : name_(unused_abstract_name()), listening_(listen_abstract(name_)) {}

  [[nodiscard]] const std::string& name() const { return name_; }
  [[nodiscard]] int fd() const { return connection_ ? -1 : listening_.get(); }

  /// Takes in a rank that knocks; true when one has.
  bool poll() {
    if (connection_) return false;
    connection_ = accept_own(listening_.get());
    return static_cast<bool>(connection_);
  }
  void answer(char kind, const std::string& text) {
    const std::string message = kind + text;
    if (connection_) (void)::send(connection_.get(), message.data(), message.size(), MSG_NOSIGNAL);
  }

 private:
  std::string name_;
  support::UniqueFd listening_;
  support::UniqueFd connection_;
};

class Joiner {
 public:
  explicit Joiner(const JoinPlan& plan) : plan_(plan) {}
  JoinEnd run();

 private:
  [[nodiscard]] reply::Hello find_master();
  void start_ranks(const std::string& name_server);
  void serve();
  void take_replies();
  void take(const reply::JoinAccepted& accepted);
  void take(const reply::ScaleAdded& added);
  void take(const reply::Refused& refused);
  template <class Other>
  void take(const Other&) {}
  void take_signals();
  void judge_channel(core::Time now);
  void wait();
  void end(JoinEnd::How how, const std::string& reason);

  const JoinPlan& plan_;
  SignalInbox signals_{SIGTERM, SIGINT, SIGHUP};
  std::unique_ptr<Channel> channel_;
  std::string run_id_;
  std::int32_t master_pid_ = 0;
  RankDoor door_;
  std::optional<ChildProcess> mpirun_;
  std::optional<core::GroupId> group_;
  bool is_announced_ = false;
  int num_signals_ = 0;
  std::optional<core::Time> gone_since_;
  std::optional<JoinEnd> end_;
};

JoinEnd Joiner::run() {
  const reply::Hello about = find_master();
  if (end_) return *end_;
  if (about.drover_version != plan_.drover_version)
    return {JoinEnd::How::refused, "the master runs drover " + about.drover_version + ", this is " +
                                       plan_.drover_version + ": install the same version on every host"};
  if (about.name_server.empty())
    return {JoinEnd::How::refused, "no group can join this run: its mpirun knows no ompi-server"};
  start_ranks(about.name_server);
  while (!end_) serve();
  mpirun_.reset();
  return *end_;
}

reply::Hello Joiner::find_master() {
  const core::Time deadline = now() + plan_.patience;
  bool has_said = false;
  while (!end_) {
    channel_ = Channel::open(plan_);
    if (channel_) {
      channel_->send(kHello, request::Hello{});
      if (const auto answer = channel_->wait(kAnswerLimit)) {
        if (const auto* about = std::get_if<reply::Hello>(&answer->reply)) {
          run_id_ = about->run_id;
          master_pid_ = about->pid;
          return *about;
        }
        if (const auto* refused = std::get_if<reply::Refused>(&answer->reply))
          end(JoinEnd::How::refused, refused->message);
      }
    }
    if (end_) break;
    if (now() >= deadline)
      throw Error("no master answered at '" + (plan_.run_dir.empty() ? plan_.relay.back() : plan_.run_dir) +
                  "' within " + support::format_duration(plan_.patience) + ": is the run going on?");
    if (!std::exchange(has_said, true)) plan_.say("waiting for a master");
    pollfd polled{signals_.fd(), POLLIN, 0};
    ::poll(&polled, 1, static_cast<int>(std::chrono::duration_cast<std::chrono::milliseconds>(kRetryPause).count()));
    take_signals();
  }
  return {};
}

void Joiner::start_ranks(const std::string& name_server) {
  GroupLaunch launch;
  launch.population = plan_.population;
  for (const control::HostSlots& host : plan_.hosts)
    launch.hosts.push_back(host.host + ":" + std::to_string(host.num_slots));
  launch.program = plan_.program;
  launch.args = {"worker-rank", "--slots", std::to_string(plan_.slots_per_worker)};
  launch.ompi_server = name_server;
  ChildProcess::Options child;
  child.command = mpirun_command(launch);
  child.unset = launcher_variables();
  child.env = {std::string(kJoinVariable) + "=" + door_.name()};
  mpirun_.emplace(child);
}

void Joiner::serve() {
  wait();
  mpirun_->poll();
  take_signals();
  if (channel_) take_replies();
  if (!is_announced_ && door_.poll()) {
    is_announced_ = true;
    request::JoinAnnounce announce;
    announce.host = plan_.host;
    announce.drover_version = plan_.drover_version;
    announce.pid = static_cast<std::int32_t>(::getpid());
    announce.population = plan_.population;
    announce.slots_per_worker = plan_.slots_per_worker;
    channel_->send(kAnnounce, announce);
  }
  judge_channel(now());
  if (!mpirun_->has_ended()) return;
  if (num_signals_ > 0) return end(JoinEnd::How::stopped, "");
  if (!group_)
    return end(JoinEnd::How::refused, "its ranks ended before they were connected (mpirun: " +
                                          describe_wait_status(mpirun_->wait_status()) + ")\n" + mpirun_->output());
  end(gone_since_ ? JoinEnd::How::lost : JoinEnd::How::left, "");
}

void Joiner::take_replies() {
  try {
    while (const auto line = channel_->next()) std::visit([this](const auto& r) { take(r); }, line->reply);
  } catch (const control::ProtocolError& e) {
    plan_.say(std::string("the master said something that cannot be understood: ") + e.what());
  }
}

void Joiner::take(const reply::JoinAccepted& accepted) {
  door_.answer('P', accepted.port);
}

void Joiner::take(const reply::ScaleAdded& added) {
  group_ = added.group;
  plan_.say("group " + std::to_string(added.group.value) + " has joined run " + run_id_ + " with " +
            std::to_string(added.num_workers) + (added.num_workers == 1 ? " worker" : " workers"));
}

void Joiner::take(const reply::Refused& refused) {
  if (group_) return plan_.say("the master refused: " + refused.message);
  door_.answer('E', refused.message);
  end(JoinEnd::How::refused, refused.message);
}

void Joiner::take_signals() {
  while (signals_.next()) {
    ++num_signals_;
    if (group_ && channel_ && !channel_->is_gone() && num_signals_ <= 2) {
      plan_.say(num_signals_ == 1 ? "leaving once what runs has ended" : "leaving now");
      channel_->send(kDrain, request::Drain{*group_, num_signals_ > 1, false});
    } else {
      end(JoinEnd::How::stopped, "");
    }
  }
}

/// A channel that is cut says nothing about the master, but one that cannot be opened again does.
void Joiner::judge_channel(core::Time now) {
  if (channel_ && !channel_->is_gone()) return;
  if (!group_) return end(JoinEnd::How::lost, "the master is gone");
  if (!gone_since_) {
    gone_since_ = now;
    channel_.reset();
  }
  if (now - *gone_since_ < kEndGrace) return;
  channel_ = Channel::open(plan_);
  if (channel_) {
    channel_->send(kHello, request::Hello{});
    const auto answer = channel_->wait(kAnswerLimit);
    const auto* about = answer ? std::get_if<reply::Hello>(&answer->reply) : nullptr;
    if (about != nullptr && about->run_id == run_id_ && about->pid == master_pid_) {
      gone_since_.reset();
      return;
    }
  }
  end(JoinEnd::How::lost, "the master is gone");
}

void Joiner::wait() {
  std::vector<pollfd> polled{{signals_.fd(), POLLIN, 0}};
  if (channel_ && !channel_->is_gone()) polled.push_back({channel_->fd(), POLLIN, 0});
  if (!is_announced_) polled.push_back({door_.fd(), POLLIN, 0});
  for (const int fd : mpirun_->fds())
    if (fd >= 0) polled.push_back({fd, POLLIN, 0});
  ::poll(polled.data(), polled.size(), 500);
}

void Joiner::end(JoinEnd::How how, const std::string& reason) {
  if (!end_) end_ = JoinEnd{how, reason};
}

}  // namespace

JoinEnd join(const JoinPlan& plan) {
  return Joiner(plan).run();
}

std::string ask_for_port() {
  const char* name = std::getenv(kJoinVariable);
  if (name == nullptr)
    throw Error(std::string(kJoinVariable) + " is not set: this is for ranks that 'drover worker' starts");
  const support::UniqueFd socket = connect_abstract(name);
  std::array<char, kMostPortBytes> message{};
  const ssize_t num = ::recv(socket.get(), message.data(), message.size(), 0);
  if (num <= 0) throw Error("the group's own process has gone before the master answered");
  const std::string text(message.data() + 1, static_cast<std::size_t>(num - 1));
  if (message[0] != 'P') throw Error("the master does not let this group in: " + text);
  return text;
}

}  // namespace drover::runtime
