#include "drover/cli/master_rank.hpp"

#include <poll.h>
#include <spdlog/sinks/null_sink.h>
#include <spdlog/spdlog.h>
#include <unistd.h>

#include <algorithm>
#include <csignal>
#include <cstdlib>
#include <filesystem>
#include <set>
#include <thread>

#include "drover/cli/auto_alloc.hpp"
#include "drover/cli/exit_status.hpp"
#include "drover/cli/launch_notes.hpp"
#include "drover/cli/master_options.hpp"
#include "drover/cli/mpi_end.hpp"
#include "drover/cli/notices.hpp"
#include "drover/cli/open_run.hpp"
#include "drover/cli/output/printer.hpp"
#include "drover/cli/output/terminal_line.hpp"
#include "drover/cli/output_printing.hpp"
#include "drover/cli/place_watch.hpp"
#include "drover/cli/progress.hpp"
#include "drover/cli/results.hpp"
#include "drover/cli/resume_command.hpp"
#include "drover/cli/run_log.hpp"
#include "drover/cli/standard_streams.hpp"
#include "drover/cli/summary.hpp"
#include "drover/cli/supervisor_words.hpp"
#include "drover/journal/append_file.hpp"
#include "drover/journal/ended_tasks.hpp"
#include "drover/journal/event_json.hpp"
#include "drover/journal/output_paths.hpp"
#include "drover/journal/output_store.hpp"
#include "drover/journal/run_directory.hpp"
#include "drover/runtime/auto_allocator.hpp"
#include "drover/runtime/clock.hpp"
#include "drover/runtime/control_desk.hpp"
#include "drover/runtime/dismissal.hpp"
#include "drover/runtime/function_desk.hpp"
#include "drover/runtime/master_loop.hpp"
#include "drover/runtime/recruiter.hpp"
#include "drover/runtime/status_board.hpp"
#include "drover/runtime/supervisor_link.hpp"
#include "drover/runtime/taint_watch.hpp"
#include "drover/support/duration.hpp"
#include "drover/support/error.hpp"
#include "drover/support/thrown.hpp"
#include "drover/transport/mpi_transport.hpp"

namespace drover::cli {

namespace {

using namespace std::chrono_literals;

constexpr core::Duration kDismissalGrace = 10s;

/// `--json`: events on stdout, in their turn.
class JsonEvents final : public runtime::Observer {
 public:
  explicit JsonEvents(Printer& printer) : printer_(printer) {}

  void on_facts(std::span<const core::Fact> facts, core::WallMicros now) override {
    std::string lines;
    for (const core::Fact& fact : facts) journal::append_event(lines, fact, now);
    printer_.print(lines);
  }
  void on_progress(const wire::Progress& progress, core::WallMicros now) override {
    std::string line;
    journal::append_task_progress(line, progress.attempt, progress.fraction, progress.text, now);
    printer_.print(line);
  }
  void on_turn(const core::Scheduler&, core::Time) override {}

 private:
  Printer& printer_;
};

/// For groups that are to join from other jobs, and need a way here.
void note_slurm_job(const journal::RunDirectory& run) {
  const char* job = std::getenv("SLURM_JOB_ID");
  journal::remove_file(run.slurm_job());
  if (job == nullptr) return;
  journal::AppendFile file(run.slurm_job());
  file.append(std::string(job) + "\n");
  file.flush();
}

/// A shell that is not here is unlikely to be elsewhere.
void check_shell(const std::string& shell) {
  if (shell.find('/') != std::string::npos) {
    if (::access(shell.c_str(), X_OK) == 0) return;
    throw system_error("--shell '" + shell + "' cannot be executed", errno);
  }
  const char* path = std::getenv("PATH");
  std::string_view rest = path != nullptr ? path : "";
  while (!rest.empty()) {
    const std::string_view directory = rest.substr(0, rest.find(':'));
    rest.remove_prefix(std::min(rest.size(), directory.size() + 1));
    if (::access((std::string(directory) + "/" + shell).c_str(), X_OK) == 0) return;
  }
  throw UsageError("--shell '" + shell + "' was not found in PATH");
}

void check_workdir(const std::string& workdir) {
  if (!workdir.empty() && !std::filesystem::is_directory(workdir))
    throw UsageError("--workdir '" + workdir + "' is not a directory");
}

/// Outputs of two runs in one directory could not be told apart.
void check_output_dir(const std::string& directory) {
  if (!directory.empty() && std::filesystem::exists(journal::index_path(directory)))
    throw UsageError("--output-dir '" + directory + "' holds the outputs of another run: choose another or remove it");
}

std::unique_ptr<runtime::FunctionDesk> make_function_desk(const RunInvocation& invocation,
                                                          transport::Transport& transport, OpenRun& run) {
  if (invocation.program == nullptr) return nullptr;
  auto desk = std::make_unique<runtime::FunctionDesk>(invocation.program->calls, transport);
  if (run.recorded) desk->go_on_from(std::move(*run.recorded), run.journal->start());
  return desk;
}

/// Another session will, without being asked for.
bool will_go_on(const runtime::RunEnd& end) {
  return end.is_rollover() ||
         (end.failure.empty() && end.stop_reason == core::StopReason::time_limit && end.has_work_left());
}

/// Why code that still waits for a result gets none.
std::string why_over(const runtime::RunEnd& end) {
  if (!end.failure.empty()) return end.failure;
  if (end.stop_reason) return "the run was stopped: " + std::string(core::to_string(*end.stop_reason));
  return "the run is over";
}

/// A program's own code, beside the loop.
class Session {
 public:
  Session(const Program* program, const std::filesystem::path& run_dir) : program_(program) {
    if (program_ != nullptr) thread_ = std::thread([this, run_dir] { end_ = program_->session(run_dir); });
  }
  ~Session() { end("the run is over"); }
  Session(const Session&) = delete;
  Session& operator=(const Session&) = delete;

  /// Nothing more comes of its tasks: waits for it to see that.
  void end(const std::string& reason) {
    if (!thread_.joinable()) return;
    program_->calls.close(reason);
    thread_.join();
  }

  // Once it has ended:

  /// The exit status that it gave, if it did.
  [[nodiscard]] std::optional<int> status() const { return end_.status; }
  /// Whether it would have had more to do, or has submitted what nobody took.
  [[nodiscard]] bool is_cut_short() const { return end_.is_cut_short || program_->calls.has_submitted(); }

 private:
  const Program* program_;
  SessionEnd end_{std::nullopt, false};
  std::thread thread_;
};

/// All that a batch needs on the master, joined.
class Batch {
 public:
  Batch(const RunInvocation& invocation, runtime::SupervisorLink* supervisor, OpenRun& run, transport::MpiSession& mpi,
        transport::MpiTransport& transport, runtime::SignalInbox& signals);

  int run();

  /// Why another MPI job is to go on with the run; none: it is over, or somebody has to take it up.
  [[nodiscard]] const std::optional<std::string>& rollover_reason() const { return rollover_reason_; }
  /// On which hosts.
  [[nodiscard]] const runtime::HostChanges& host_changes() const { return host_changes_; }

  /// Whether MPI has been left in a state in which it cannot be finalized.
  [[nodiscard]] bool is_mpi_tainted() const { return has_losses_ || recruiter_.has_stuck_call(); }

 private:
  [[nodiscard]] runtime::AutoAllocator& begin_auto_alloc(std::optional<core::Time> run_end);
  void catch_up();
  void check_records(runtime::RunEnd& end);
  void end_session(const runtime::RunEnd& end, int status);
  void print_summary(const runtime::RunEnd& end);

  const RunInvocation& invocation_;
  const RunOptions& options_ = invocation_.options;
  runtime::SupervisorLink* supervisor_;
  std::uint32_t num_workers_;
  std::string host_;
  transport::MpiTransport& transport_;
  runtime::SignalInbox& signals_;
  core::Time started_ = runtime::now();
  OpenRun& open_run_;
  const journal::RunDirectory& run_;
  TerminalLine line_;
  journal::OutputStore store_;
  OutputPrinting printing_;
  runtime::Recruiter recruiter_;
  runtime::TaintWatch taint_;
  runtime::StatusBoard board_;
  runtime::ControlDesk desk_;
  std::unique_ptr<runtime::FunctionDesk> functions_;  ///< of a program
  Results results_;
  Progress progress_;
  Summary summary_;
  Notices notices_;
  JsonEvents json_;
  PlaceWatch place_watch_;
  std::optional<runtime::AutoAllocator> allocator_;
  bool has_losses_ = false;
  std::optional<std::string> rollover_reason_;
  runtime::HostChanges host_changes_;
};

Batch::Batch(const RunInvocation& invocation, runtime::SupervisorLink* supervisor, OpenRun& run,
             transport::MpiSession& mpi, transport::MpiTransport& transport, runtime::SignalInbox& signals)
    : invocation_(invocation),
      supervisor_(supervisor),
      num_workers_(static_cast<std::uint32_t>(mpi.size() - 1)),
      host_(mpi.host()),
      transport_(transport),
      signals_(signals),
      open_run_(run),
      run_(run.directory),
      line_(options_.no_progress || options_.is_silent() ? -1 : STDERR_FILENO),
      store_(open_output_store(options_, run_)),
      printing_(options_, run, store_, line_),
      recruiter_(recruiter_options(options_, invocation_.program)),
      taint_(recruiter_, host_),
      board_(board_about(options_, run, host_), started_, journal::task_history(run_)),
      desk_(desk_options(invocation, supervisor, run, host_), board_, recruiter_),
      functions_(make_function_desk(invocation, transport, run)),
      results_(store_, printing_.printer(), desk_, functions_.get()),
      progress_(line_, started_, run.journal->start().is_input_ended),
      summary_(started_),
      notices_(line_, options_.is_silent(), support::format_duration(options_.worker_wait)),
      json_(printing_.printer()),
      place_watch_(*run.journal, store_, [this](const std::string& text) { notices_.say(text); }) {
  log_to(run_.path() / "drover.log", options_.log_level);
  if (options_.durability == journal::Durability::full) {
    store_.expect_sync();
    open_run_.journal->set_sync([this] { store_.sync(); });
  }
}

int Batch::run() {
  runtime::MasterOptions master = master_options(invocation_, open_run_, host_, num_workers_);
  master.say = [this](const std::string& text) { notices_.say(text); };
  if (supervisor_ != nullptr) {
    master.on_host_came = [this](const control::HostSlots& host) { supervisor_->say_host_came(host); };
    master.on_host_left = [this](const std::string& host) { supervisor_->say_host_left(host); };
  }
  std::vector<runtime::Observer*> observers{&taint_, &board_, &desk_, &notices_, &progress_, &summary_, &place_watch_};
  if (options_.json) observers.push_back(&json_);
  if (options_.submits_jobs()) observers.push_back(&begin_auto_alloc(master.time_end));
  if (functions_) observers.push_back(functions_.get());
  std::optional<SupervisorWords> words;
  if (supervisor_ != nullptr) observers.push_back(&words.emplace(*supervisor_, recruiter_));
  master.can_roll_over = can_roll_over(supervisor_, open_run_);
  if (master.can_roll_over) master.launcher = ::getppid();
  runtime::MasterLoop loop(
      std::move(master),
      {transport_, recruiter_, desk_, functions_ ? *functions_ : *open_run_.source, *open_run_.journal, results_,
       std::move(observers), signals_, functions_.get(), allocator_ ? &*allocator_ : nullptr});
  catch_up();
  Session session(invocation_.program, run_.path());
  runtime::RunEnd end = loop.run();
  if (desk_.host_offers() != nullptr) host_changes_ = desk_.host_offers()->changes();
  desk_.close();  // the session may be a client, too
  session.end(why_over(end));
  has_losses_ = end.counts.workers_lost > 0;
  // Only the program's code knows whether there would have been more.
  if (invocation_.program != nullptr) end.is_input_left = session.is_cut_short();
  if (allocator_ && end.is_rollover()) allocator_->hand_over();
  allocator_.reset();
  printing_.finish(will_go_on(end) ? Printer::Held::leave : Printer::Held::print, signals_);
  // Printing may also fail once the last task has ended.
  if (const std::optional<PrintFailure> failure = printing_.printer().failure();
      failure && !failure->is_reader_gone && end.failure.empty())
    end.failure = failure->message;
  line_.clear();
  check_records(end);
  if (end.is_rollover())
    rollover_reason_ = end.rollover_reason;
  else
    print_summary(end);
  const int status = exit_status(end, {results_.is_reader_gone(), session.status()});
  end_session(end, status);
  return status;
}

runtime::AutoAllocator& Batch::begin_auto_alloc(std::optional<core::Time> run_end) {
  runtime::AutoAllocOptions alloc =
      auto_alloc_options(invocation_, run_, host_, recruiter_options(options_, invocation_.program));
  alloc.policy.run_end = run_end;
  return allocator_.emplace(std::move(alloc), [this](const std::string& text) { notices_.say(text); });
}

/// Brings those who watch to where the run is taken up.
void Batch::catch_up() {
  std::vector<core::Fact> known;
  for (const core::UnfinishedTask& task : open_run_.journal->start().unfinished)
    known.emplace_back(core::fact::TaskAccepted{task.id, task.owner, task.spec});
  summary_.on_facts(known, 0);
  printing_.print_what_was_not();
}

/// What was done, and is on record nowhere, is as good as not done.
void Batch::check_records(runtime::RunEnd& end) {
  if (!end.failure.empty()) return;
  try {
    place_watch_.finish();
  } catch (const Error& e) {
    end.failure = e.what();
  }
}

void Batch::end_session(const runtime::RunEnd& end, int status) {
  const journal::SessionEnd how = !end.failure.empty()  ? journal::SessionEnd::failed
                                  : end.has_work_left() ? journal::SessionEnd::stopped
                                                        : journal::SessionEnd::finished;
  const std::string reason = !end.failure.empty()                     ? end.failure
                             : end.stop_reason && end.has_work_left() ? std::string(core::to_string(*end.stop_reason))
                                                                      : "";
  try {
    open_run_.journal->end_session(how, status, reason);
    if (how == journal::SessionEnd::finished) StdinSpool::remove_from(run_.path());
  } catch (const Error& e) {
    // The records are there; resume takes the session for one that was cut short.
    spdlog::error("{}", e.what());
  }
}

void Batch::print_summary(const runtime::RunEnd& end) {
  if (!end.failure.empty()) std::fprintf(stderr, "drover: %s\n", end.failure.c_str());
  const std::uint64_t num_abandoned = functions_ ? functions_->num_abandoned() : 0;
  // A program has its failures as exceptions.
  const bool is_news = num_abandoned > 0 || (invocation_.program == nullptr && end.counts.unsuccessful() > 0);
  if (options_.is_silent() && !is_news && !end.has_work_left()) return;
  const auto command = [this](const std::string& option) {
    return resume_command(option, run_.path(), supervisor_ == nullptr, invocation_.program);
  };
  // There is nothing to see, nor to go on with, where the records have been taken away.
  const bool has_records = open_run_.journal->is_in_place();
  std::string text = has_records ? summary_.text(end, run_.path(), {command("--resume"), command("--resume-failed")})
                                 : summary_.text(end, {}, {});
  if (num_abandoned > 0)
    text += "  of the cancelled ones, the program has not submitted " + std::to_string(num_abandoned) + " again\n";
  std::fputs(text.c_str(), stderr);
}

void check(const RunOptions& options, const transport::MpiSession& mpi) {
  const bool expects_workers =
      options.keep_open || options.scale.max_workers > 0 || options.num_workers == 0U || !options.other_hosts.empty();
  if (mpi.size() < 2 && !expects_workers)
    throw UsageError(
        "this MPI job has one rank, which is the master, and no workers: start more, as in mpirun -n 5 drover run ..., "
        "or say -j 0 when others are to join");
  check_shell(options.shell);
  check_workdir(options.workdir);
}

/// The run, or why there is none; and the number of the first worker of this MPI job.
struct Opening {
  std::optional<OpenRun> run;
  std::string refusal;
  core::WorkerId first_worker{1};
};

Opening try_open(const RunInvocation& invocation, const transport::MpiSession& mpi) {
  Opening opening;
  try {
    check(invocation.options, mpi);
    if (!invocation.resumed) check_output_dir(invocation.options.output_dir);
    opening.run.emplace(open_run(invocation));
    opening.first_worker = opening.run->journal->start().next_worker;
  } catch (...) {
    opening.refusal = support::describe_current_exception().text;
  }
  return opening;
}

/// Nothing is left to do, but perhaps to print.
int finish_at_once(const RunOptions& options, OpenRun& run, runtime::SignalInbox& signals) {
  const journal::OutputStore store = open_output_store(options, run.directory);
  TerminalLine no_line(-1);
  OutputPrinting printing(options, run, store, no_line);
  printing.print_what_was_not();
  printing.finish(Printer::Held::print, signals);
  const core::Counts& totals = run.journal->start().totals;
  std::fprintf(stderr, "drover: %s\n", finished_text(run.directory, totals).c_str());
  const int status = exit_status(totals);
  run.journal->end_session(journal::SessionEnd::finished, status, "");
  cancel_left_jobs(run.directory.path());
  return status;
}

/// Without a word: the master has said why.
void dismiss_world(transport::MpiTransport& transport, core::WorkerId first, int size) {
  std::set<core::WorkerId> workers;
  for (int rank = 1; rank < size; ++rank) workers.emplace(first.value + static_cast<std::uint32_t>(rank) - 1);
  runtime::dismiss_workers(transport, std::move(workers), "", kDismissalGrace);
}

}  // namespace

InputOptions input_options(const RunInvocation& invocation) {
  const RunOptions& options = invocation.options;
  return {options.words, invocation.sources, form_of(options.input), 0, options.keep_open};
}

void wait_readable(int fd) {
  pollfd polled{fd, POLLIN, 0};
  while (::poll(&polled, 1, -1) < 0 && errno == EINTR) {
  }
}

namespace {

/// Whatever goes wrong once MPI is up, workers wait to be told: it ends in their dismissal.
int lead(const RunInvocation& invocation) {
  runtime::SignalInbox signals{SIGINT, SIGTERM, SIGHUP, SIGUSR1};
  const runtime::SignalInbox ignored{SIGPIPE, SIGTTOU};
  std::optional<runtime::SupervisorLink> link = runtime::SupervisorLink::connect();
  LauncherStreams replaced = link ? LauncherStreams{} : adopt_launcher_streams();
  auto mpi = std::make_unique<transport::MpiSession>(transport::Threading::any_thread);
  if (link) link->say_mpi_up();
  int status = kInternalFailure;
  bool is_tainted = false;
  std::optional<std::string> rollover_reason;
  runtime::HostChanges host_changes;
  Opening opening = try_open(invocation, *mpi);
  {
    transport::MpiTransport transport(*mpi, opening.first_worker);
    try {
      if (!opening.refusal.empty()) throw Error(opening.refusal);
      note_slurm_job(opening.run->directory);
      if (link) link->say_run_dir(opening.run->directory.path().string());
      for (const std::string& notice : opening.run->notices) std::fprintf(stderr, "drover: %s\n", notice.c_str());
      if (opening.run->is_finished()) {
        status = finish_at_once(invocation.options, *opening.run, signals);
        dismiss_world(transport, opening.first_worker, mpi->size());
      } else {
        Batch batch(invocation, link ? &*link : nullptr, *opening.run, *mpi, transport, signals);
        if (!link && !invocation.options.is_silent())
          std::fputs(launch_notes(invocation, mpi->size() - 1).c_str(), stderr);
        status = batch.run();
        is_tainted = batch.is_mpi_tainted();
        rollover_reason = batch.rollover_reason();
        host_changes = batch.host_changes();
      }
    } catch (...) {
      std::fprintf(stderr, "drover: %s\n", support::describe_current_exception().text.c_str());
      dismiss_world(transport, opening.first_worker, mpi->size());
    }
  }
  opening.run.reset();
  if (link && rollover_reason)
    link->ask_for_rollover(*rollover_reason, host_changes);
  else if (link)
    link->say_exit_status(status);
  leave_mpi_at_exit(std::move(mpi), is_tainted, std::move(replaced));
  return status;
}

}  // namespace

int run_master_rank(const RunInvocation& invocation) {
  spdlog::set_default_logger(
      std::make_shared<spdlog::logger>("drover", std::make_shared<spdlog::sinks::null_sink_st>()));
  try {
    return lead(invocation);
  } catch (...) {
    // Before MPI was up, or in what MPI itself does: to leave it in order could wait for ever.
    std::fprintf(stderr, "drover: %s\n", support::describe_current_exception().text.c_str());
    leave_without_mpi(kInternalFailure);
  }
}

}  // namespace drover::cli
