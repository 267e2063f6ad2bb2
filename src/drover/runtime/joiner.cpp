#include "drover/runtime/joiner.hpp"

#include <poll.h>
#include <sys/socket.h>
#include <unistd.h>

#include <array>
#include <csignal>
#include <cstdlib>
#include <memory>
#include <optional>
#include <utility>

#include "drover/control/protocol.hpp"
#include "drover/runtime/abstract_socket.hpp"
#include "drover/runtime/child_process.hpp"
#include "drover/runtime/clock.hpp"
#include "drover/runtime/launcher.hpp"
#include "drover/runtime/orphans.hpp"
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
/// How long there may be no master while a run moves to another MPI job.
constexpr core::Duration kMoveLimit = 30s;
constexpr std::size_t kMostPortBytes = 4096;

constexpr std::uint64_t kHello = 1;
constexpr std::uint64_t kAnnounce = 2;
constexpr std::uint64_t kDrain = 3;

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
  /// None when end_ says why, before there was one.
  [[nodiscard]] std::optional<reply::Hello> find_master(core::Duration patience);
  [[nodiscard]] std::optional<reply::Hello> greet(std::string& reason);
  [[nodiscard]] std::nullopt_t nobody_answers();
  [[nodiscard]] bool is_same_master();
  [[nodiscard]] std::string obstacle() const;
  void start_ranks(const std::string& name_server);
  void serve();
  void announce();
  void take_replies();
  void take(const reply::JoinAccepted& accepted);
  void take(const reply::ScaleAdded& added);
  void take(const reply::JoinEnded& ended);
  void take(const reply::Refused& refused);
  template <class Other>
  void take(const Other&) {}
  void take_signals();
  void leave();
  void judge_channel(core::Time now);
  void find_next_master();
  void judge_ranks(core::Time now);
  void wait();
  void end(JoinEnd::How how, const std::string& reason);
  void end_as_let_go();

  const JoinPlan& plan_;
  SignalInbox signals_{SIGTERM, SIGINT, SIGHUP, SIGUSR1};
  std::unique_ptr<JoinChannel> channel_;
  reply::Hello master_;
  RankDoor door_;
  MpirunCommand command_;
  std::optional<ChildProcess> mpirun_;
  std::optional<core::GroupId> group_;
  bool is_announced_ = false;
  bool has_joined_ = false;
  bool is_host_offered_ = false;    ///< the master starts the ranks, not we
  bool is_left_behind_ = false;     ///< by a master that would be offered the host again
  bool is_let_go_ = false;          ///< by the master: it left, or the run has ended
  bool is_work_left_ = false;       ///< of the run that has ended
  int num_signals_ = 0;             ///< to leave
  bool is_asked_to_leave_ = false;  ///< by whoever carries the channel
  std::optional<core::Time> gone_since_;
  std::optional<core::Time> ended_since_;
  std::optional<JoinEnd> end_;
};

JoinEnd Joiner::run() {
  adopt_orphans();
  const std::optional<reply::Hello> about = find_master(plan_.patience);
  if (!about) return *end_;
  master_ = *about;
  if (const std::string reason = obstacle(); !reason.empty()) return {JoinEnd::How::refused, reason, false};
  is_host_offered_ = master_.name_server.empty();
  if (is_host_offered_)
    announce();
  else
    start_ranks(master_.name_server);
  while (!end_) serve();
  channel_.reset();
  mpirun_.reset();
  end_children();
  end_->has_joined = has_joined_;
  end_->has_met_master = true;
  return *end_;
}

/// Why this master cannot have the group; empty when it can.
std::string Joiner::obstacle() const {
  if (master_.drover_version != plan_.drover_version)
    return "the master runs drover " + master_.drover_version + ", this is " + plan_.drover_version +
           ": install the same version on every host";
  if (master_.mpi_version != plan_.mpi_version)
    return "the master has " + master_.mpi_version + ", this host " + plan_.mpi_version;
  if (master_.name_server.empty() && !master_.takes_hosts)
    return "no group can join this run: " + master_.join_obstacle;
  return "";
}

std::optional<reply::Hello> Joiner::find_master(core::Duration patience) {
  const core::Time deadline = now() + patience;
  std::optional<std::string> said;
  while (!end_) {
    std::string reason;
    if (auto about = greet(reason)) return about;
    take_signals();
    if (!end_ && plan_.path.is_own) end(JoinEnd::How::lost, "the master does not answer");  // there is no other way
    if (end_) break;
    const std::string because = reason.empty() ? "" : ": " + reason;
    if (now() >= deadline)
      throw Error("no master answered at '" + plan_.target + "' within " + support::format_duration(patience) +
                  because);
    if (said != reason) plan_.say("waiting for a master at '" + plan_.target + "'" + because);
    said = reason;
    pollfd polled{signals_.fd(), POLLIN, 0};
    ::poll(&polled, 1, static_cast<int>(std::chrono::duration_cast<std::chrono::milliseconds>(kRetryPause).count()));
    take_signals();
  }
  return std::nullopt;
}

/// Opens the channel and asks who is there; none when nobody answers, or nobody who wants a group.
std::optional<reply::Hello> Joiner::greet(std::string& reason) {
  channel_ = JoinChannel::open(plan_.path, reason);
  if (!channel_) return nobody_answers();
  channel_->send(kHello, request::Hello{});
  const auto answer = channel_->wait(plan_.path.is_own ? plan_.patience : kAnswerLimit, signals_);
  if (!answer) {
    reason = channel_->complaint();
    return nobody_answers();
  }
  if (const auto* about = std::get_if<reply::Hello>(&answer->reply)) return *about;
  if (const auto* refused = std::get_if<reply::Refused>(&answer->reply))
    end(refused->code == control::ErrorCode::run_over ? JoinEnd::How::left : JoinEnd::How::refused, refused->message);
  return std::nullopt;
}

/// Yet, or for good.
std::nullopt_t Joiner::nobody_answers() {
  if (plan_.is_run_finished && plan_.is_run_finished()) end(JoinEnd::How::left, kRunIsFinished);
  return std::nullopt;
}

/// A master that took the run up again may have the number of the one before: in a container it mostly
/// does. Its ompi-server is another's.
bool Joiner::is_same_master() {
  std::string reason;
  const std::optional<reply::Hello> about = greet(reason);
  return about && about->run_id == master_.run_id && about->pid == master_.pid &&
         about->name_server == master_.name_server;
}

void Joiner::start_ranks(const std::string& name_server) {
  GroupLaunch launch;
  launch.population = plan_.population;
  launch.program = plan_.program;
  launch.args = plan_.args_before;
  launch.args.insert(launch.args.end(), {"worker-rank", "--slots", std::to_string(plan_.slots_per_worker)});
  launch.args.insert(launch.args.end(), plan_.rank_options.begin(), plan_.rank_options.end());
  launch.args.insert(launch.args.end(), plan_.args_after.begin(), plan_.args_after.end());
  launch.ompi_server = name_server;
  launch.is_in_slurm_job = plan_.is_in_slurm_job;
  command_ = mpirun_command(launch);
  ChildProcess::Options child;
  child.command = command_.words;
  child.unset = launcher_variables();
  child.env = {std::string(kJoinVariable) + "=" + door_.name()};
  mpirun_.emplace(child);
}

void Joiner::serve() {
  wait();
  if (mpirun_) mpirun_->poll();
  take_signals();
  if (channel_) take_replies();
  if (mpirun_ && !is_announced_ && door_.poll()) announce();
  judge_channel(now());
  if (mpirun_) judge_ranks(now());
}

void Joiner::announce() {
  is_announced_ = true;
  request::JoinAnnounce announce;
  announce.host = plan_.host;
  announce.drover_version = plan_.drover_version;
  announce.pid = static_cast<std::int32_t>(::getpid());
  announce.population = plan_.population;
  announce.slots_per_worker = plan_.slots_per_worker;
  channel_->send(kAnnounce, announce);
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
  has_joined_ = true;
  plan_.say("group " + std::to_string(added.group.value) + " has joined the run at '" +
            (plan_.path.is_own ? master_.run_dir : plan_.target) + "' with " + std::to_string(added.num_workers) +
            (added.num_workers == 1 ? " worker" : " workers"));
}

void Joiner::take(const reply::JoinEnded& ended) {
  switch (ended.how) {
    case reply::JoinEnded::How::wanted_again:
      if (!is_host_offered_) return end(JoinEnd::How::lost, "the master has given the group up");
      is_left_behind_ = true;
      return;
    case reply::JoinEnded::How::left:
    case reply::JoinEnded::How::work_left:
      is_let_go_ = true;
      is_work_left_ = ended.how == reply::JoinEnded::How::work_left;
      if (!is_work_left_ || (group_ && !is_host_offered_)) return;  // its ranks say goodbye first
      door_.answer('E', "the run has stopped");
      return end_as_let_go();
  }
}

void Joiner::end_as_let_go() {
  end(is_work_left_ ? JoinEnd::How::run_stopped : JoinEnd::How::left, "");
}

void Joiner::take(const reply::Refused& refused) {
  if (refused.code == control::ErrorCode::run_over) {
    is_let_go_ = true;
    if (!group_ || is_host_offered_) end(JoinEnd::How::left, refused.message);
    return;
  }
  if (group_) return plan_.say("the master refused: " + refused.message);
  door_.answer('E', refused.message);
  end(refused.code == control::ErrorCode::failed ? JoinEnd::How::lost : JoinEnd::How::refused, refused.message);
}

void Joiner::take_signals() {
  while (signals_.next()) leave();
  // Before there are ranks, it only says that nobody answers.
  const bool is_asked = mpirun_ && channel_ && channel_->is_half_closed() && !channel_->is_gone() && !is_let_go_;
  if (is_asked && !std::exchange(is_asked_to_leave_, true)) leave();
}

/// Asked once, the group finishes what it executes; a second time, it hands that back.
void Joiner::leave() {
  ++num_signals_;
  if (group_ && channel_ && !channel_->is_gone() && num_signals_ <= 2) {
    plan_.say(num_signals_ == 1 ? "leaving once what runs has ended" : "leaving now");
    request::Drain drain{*group_, num_signals_ > 1, false};
    if (is_host_offered_) drain.target = control::HostName{plan_.host};
    channel_->send(kDrain, drain);
  } else {
    end(JoinEnd::How::stopped, "");
  }
}

/// A channel that is cut says nothing about the master, but one that cannot be opened again does.
void Joiner::judge_channel(core::Time now) {
  if (is_host_offered_) {
    if (is_left_behind_ || !channel_ || channel_->is_gone()) find_next_master();
    return;
  }
  if (is_let_go_ || (channel_ && !channel_->is_gone())) return;
  // Whoever carried it started this group, and must find nothing left of it.
  if (!group_ || plan_.path.is_own) return end(JoinEnd::How::lost, "the master is gone");
  if (!gone_since_) {
    gone_since_ = now;
    channel_.reset();
  }
  if (now - *gone_since_ < kEndGrace) return;
  if (!is_same_master()) return end(JoinEnd::How::lost, "the master is gone");
  gone_since_.reset();
}

/// What has ended may be the run, which will be known soon, or the MPI job: the next master starts ranks here again.
void Joiner::find_next_master() {
  if (num_signals_ > 0) return end(JoinEnd::How::stopped, "");
  group_.reset();
  channel_.reset();
  is_left_behind_ = false;
  pollfd polled{signals_.fd(), POLLIN, 0};
  ::poll(&polled, 1, static_cast<int>(std::chrono::duration_cast<std::chrono::milliseconds>(kRetryPause).count()));
  try {
    const std::optional<reply::Hello> about = find_master(kMoveLimit);
    if (!about) return;
    master_ = *about;
  } catch (const Error&) {
    return end(JoinEnd::How::lost, "the master is gone");
  }
  if (const std::string reason = obstacle(); !reason.empty()) return end(JoinEnd::How::refused, reason);
  announce();
}

/// The ranks end when they are let go; the master then says so too, or is gone itself.
void Joiner::judge_ranks(core::Time now) {
  if (!mpirun_->has_ended()) return;
  if (num_signals_ > 0) return end(JoinEnd::How::stopped, "");
  if (is_let_go_) return end_as_let_go();
  const std::string how = "(mpirun: " + describe_wait_status(mpirun_->wait_status()) + ")";
  if (!group_)
    return end(JoinEnd::How::lost, "its ranks ended before they were connected " + how + "\n" + mpirun_->output());
  if (!ended_since_) ended_since_ = now;
  if (now - *ended_since_ >= kEndGrace) end(JoinEnd::How::lost, "its ranks ended " + how);
}

void Joiner::wait() {
  std::vector<pollfd> polled{{signals_.fd(), POLLIN, 0}};
  if (channel_ && !channel_->is_gone()) polled.push_back({channel_->fd(), channel_->events(), 0});
  if (!is_announced_) polled.push_back({door_.fd(), POLLIN, 0});
  if (mpirun_ && !mpirun_->has_ended())
    for (const int fd : mpirun_->fds())
      if (fd >= 0) polled.push_back({fd, POLLIN, 0});
  ::poll(polled.data(), polled.size(), 500);
}

/// Whoever was told to leave has no master to go back to.
void Joiner::end(JoinEnd::How how, const std::string& reason) {
  const bool may_come_again = how == JoinEnd::How::lost || how == JoinEnd::How::run_stopped;
  if (may_come_again && num_signals_ > 0) how = JoinEnd::How::stopped;
  if (!end_) end_ = JoinEnd{how, reason, false};
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
