// A master without MPI or workers, for tests of the commands that talk to one: tasks "end" at once, and
// answers are made up. `fake_master DIR [stuck]` serves DIR until `stop`; `stuck` says nothing at all.

#include <sys/prctl.h>
#include <unistd.h>

#include <algorithm>
#include <chrono>
#include <csignal>
#include <cstdio>
#include <filesystem>
#include <string_view>
#include <thread>

#include "drover/control/control_server.hpp"
#include "drover/journal/output_store.hpp"

using namespace drover;
using namespace drover::control;
using namespace std::chrono_literals;

namespace {

constexpr std::uint64_t kNumTasksBefore = 10;

class FakeMaster final : public RequestHandler {
 public:
  explicit FakeMaster(const std::filesystem::path& run_dir)
      : run_dir_(std::filesystem::absolute(run_dir)),
        store_(run_dir_ / "outputs", journal::OutputLayout::combined),
        server_(run_dir, {"0.1.0", "fake", run_dir_.string(), host_name(), ::getpid(), "", false, "", ""}, *this) {}

  void serve() {
    for (auto began = std::chrono::steady_clock::now(); !is_stopped_;) {
      server_.poll(core::Time(std::chrono::steady_clock::now() - began));
      if (server_.has_subscribers()) publish_and_stop();
      std::this_thread::sleep_for(1ms);
    }
    server_.close(2s);
  }

  void on_request(RequestRef from, Request request) override {
    std::visit([&](auto& r) { take(from, r); }, request);
  }
  void on_gone(ClientId) override {}

 private:
  void take(RequestRef from, const request::Status&) {
    reply::Status status;
    status.run_id = "fake";
    status.host = "node1";
    status.counts.accepted = num_tasks_;
    status.groups.push_back({core::GroupId(3), core::GroupSource::join, GroupState::running, 2, 2, 0, 8, 5, 60s});
    status.workers.push_back({core::WorkerId(4), core::GroupId(3), "node2", 77, WorkerState::busy, 4, 4, 4, 10ms});
    server_.reply(from, status);
    if (++num_looks_ == 3) is_stopped_ = true;
  }
  void take(RequestRef from, const request::Submit& request) {
    const core::TaskId first(num_tasks_ + 1);
    num_tasks_ += request.tasks.size();
    reply::Submitted submitted{first, core::TaskId(num_tasks_), (run_dir_ / "outputs").string(), false};
    if (!request.wait) return server_.reply(from, submitted);
    server_.stream(from, submitted);
    reply::SubmitEnd end;
    for (std::size_t i = 0; i < request.tasks.size(); ++i)
      end_task(from, core::TaskId(first.value + i), request.tasks[i], end);
    server_.reply(from, end);
  }
  void end_task(RequestRef from, core::TaskId task, const core::TaskSpec& spec, reply::SubmitEnd& end) {
    const std::string text = "ran " + spec.payload + "\n";
    const core::AttemptId attempt{task, 1};
    store_.append(attempt, core::Stream::out, text);
    const journal::StoredOutput output = store_.commit(attempt);
    store_.flush();
    const bool is_good = spec.payload != "false";
    ++(is_good ? end.num_succeeded : end.num_unsuccessful);
    server_.stream(from, reply::TaskResult{task,
                                           is_good ? core::TaskEnd::succeeded : core::TaskEnd::failed,
                                           spec.tag.empty() ? spec.payload : spec.tag,
                                           1,
                                           is_good ? "exit status 0" : "exit status 1",
                                           is_good ? 0 : 1,
                                           0,
                                           "node2",
                                           1ms,
                                           {output.out.offset, output.out.length},
                                           {output.err.offset, output.err.length}});
  }
  void take(RequestRef from, const request::Close&) { server_.reply(from, reply::Closed{2}); }
  void take(RequestRef from, const request::ScaleAdd& request) {
    server_.stream(from, reply::Note{"looking whether " + std::to_string(request.hosts.size()) + " hosts answer"});
    if (!request.hosts.empty() && request.hosts.front().host == "nonsense")
      return server_.refuse(from, ErrorCode::failed, "host nonsense does not resolve");
    server_.reply(from, reply::ScaleAdded{core::GroupId(5), request.via == WayIn::join ? WayIn::join : WayIn::spawn,
                                          std::max(request.population, 1U), request.hosts});
  }
  void take(RequestRef from, const request::Drain& request) {
    if (const auto* group = std::get_if<core::GroupId>(&request.target); group != nullptr && group->value > 5)
      return server_.refuse(from, ErrorCode::unknown_target, "there is no group " + std::to_string(group->value));
    const reply::Draining draining{{core::WorkerId(4), core::WorkerId(5), core::WorkerId(7)}};
    if (!request.wait) return server_.reply(from, draining);
    server_.stream(from, draining);
    server_.reply(from, reply::Drained{2, 1});
  }
  void take(RequestRef from, const request::Cancel& request) {
    reply::Cancelled cancelled;
    for (const TaskRange& range : request.tasks)
      for (std::uint64_t task = range.first.value; task <= range.last.value; ++task)
        ++(task > num_tasks_ ? cancelled.num_unknown
           : task <= 2       ? cancelled.num_ended_before
                             : cancelled.num_cancelled);
    server_.reply(from, cancelled);
  }
  void take(RequestRef from, const request::Stop& request) {
    server_.reply(from, reply::Stopping{request.now ? 4U : 3U, 5});
    is_stopped_ = true;
  }
  void take(RequestRef from, const request::Explain& request) {
    const auto* task = std::get_if<core::TaskId>(&request.subject);
    if (task == nullptr || task->value <= num_tasks_) return server_.reply(from, reply::Explanation{"it is busy"});
    server_.refuse(from, ErrorCode::unknown_target, "there is no task " + std::to_string(task->value));
  }
  void take(RequestRef from, const request::JoinAnnounce&) {
    server_.refuse(from, ErrorCode::impossible, "this master is a fake");
  }

  void publish_and_stop() {
    for (const char* event : {R"({"event":"one"})", R"({"event":"two"})"}) server_.publish(event);
    is_stopped_ = true;
  }

  std::filesystem::path run_dir_;
  journal::OutputStore store_;
  ControlServer server_;
  std::uint64_t num_tasks_ = kNumTasksBefore;
  int num_looks_ = 0;
  bool is_stopped_ = false;
};

}  // namespace

int main(int argc, char** argv) {
  if (argc < 2) return 2;
  ::prctl(PR_SET_PDEATHSIG, SIGKILL);
  std::filesystem::create_directories(argv[1]);
  if (argc > 2 && std::string_view(argv[2]) == "stuck") {
    const ControlSocket socket(argv[1]);
    std::puts("ready");
    std::fflush(stdout);
    ::pause();
  }
  FakeMaster master(argv[1]);
  std::puts("ready");
  std::fflush(stdout);
  master.serve();
  return 0;
}
