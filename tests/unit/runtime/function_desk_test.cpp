#include "drover/runtime/function_desk.hpp"

#include "drover/core/scheduler.hpp"
#include "drover/journal/run_database.hpp"
#include "drover/journal/run_description.hpp"
#include "drover/journal/sqlite_journal.hpp"
#include "support/catch.hpp"
#include "unit/journal/temporary_files.hpp"

using namespace drover;
using core::TaskId;
using runtime::CallBoard;
using runtime::FunctionDesk;

namespace {

/// Says nothing to anybody: these tests have no workers that are there.
class NoTransport final : public transport::Transport {
 public:
  void send(transport::Address, std::string) override { FAIL("nobody is there to hear this"); }
  void send_ahead(transport::Address, std::string) override { FAIL("nobody is there to hear this"); }
  std::optional<transport::Incoming> receive() override { return std::nullopt; }
  [[nodiscard]] std::size_t num_unsent_bytes(std::optional<transport::Address>) const override { return 0; }
  [[nodiscard]] transport::Traffic traffic() const override { return {}; }
  void forget(transport::Address) override {}
};

core::TaskSpec call(const std::string& payload, std::uint64_t maker = 0) {
  core::TaskSpec spec;
  spec.kind = core::TaskKind::function;
  spec.payload = payload;
  spec.maker = TaskId(maker);
  return spec;
}

/// A program's run whose master died: task 1 had ended, and had made task 2; task 3 was the session's.
class ResumedRun {
 public:
  ResumedRun() {
    journal::create_run(run_, {"id", "1.0", 1, "/somewhere", "{}", {}}, {});
    const core::OwnerId worker = core::owner_of(core::WorkerId(1));
    {
      journal::SqliteJournal journal(run_, {}, "1.0");
      journal.record({{core::fact::TaskAccepted{TaskId(1), {}, call("maker")},
                       core::fact::TaskAccepted{TaskId(2), worker, call("made", 1)},
                       core::fact::TaskAccepted{TaskId(3), {}, call("mine")},
                       core::fact::TaskEnded{TaskId(1), {}, core::TaskEnd::succeeded}},
                      0});
      (void)journal.flush();
    }
    journal::SqliteJournal journal(run_, {}, "1.0");
    journal.leave_calls_unclaimed();
    scheduler_.emplace(core::Policy{}, journal.start());
    desk_.go_on_from(journal::RecordedCalls(run_), journal.start());
  }

  CallBoard& session() { return session_; }
  [[nodiscard]] std::uint64_t num_ready() const { return scheduler_->counts().ready; }
  [[nodiscard]] std::uint64_t num_unclaimed() const { return scheduler_->num_unclaimed(); }

  void turn() {
    (void)desk_.pull(10);
    for (const core::Event& event : desk_.take_requests(*scheduler_))
      desk_.on_facts(scheduler_->handle(event, {}).facts, 0);
  }

 private:
  test::TemporaryDirectory base_;
  journal::RunDirectory run_ = journal::RunDirectory::create(base_ / "run");
  CallBoard session_;
  NoTransport transport_;
  FunctionDesk desk_{session_, transport_};
  std::optional<core::Scheduler> scheduler_;
};

}  // namespace

TEST_CASE("what nobody submits again waits until the session shows that it is there") {
  ResumedRun run;
  run.turn();
  CHECK(run.num_ready() == 0);
  CHECK(run.num_unclaimed() == 2);
  (void)run.session().submit(call("mine"));
  run.turn();
  CHECK(run.num_ready() == 2);
  CHECK(run.num_unclaimed() == 0);
}

TEST_CASE("a session that submits nothing leaves what was made to be done, and what it had submitted is cancelled") {
  ResumedRun run;
  run.session().finish();
  run.turn();
  CHECK(run.num_ready() == 1);
  CHECK(run.num_unclaimed() == 1);
}
