#include "drover/farm.hpp"

#include <algorithm>
#include <chrono>
#include <cmath>
#include <cstdio>
#include <filesystem>
#include <mutex>

#include "drover/cli/app.hpp"
#include "drover/cli/exit_status.hpp"
#include "drover/cli/program.hpp"
#include "drover/cli/program_command.hpp"
#include "drover/core/outcome.hpp"
#include "drover/exec/function_executor.hpp"
#include "drover/farm/chunk.hpp"
#include "drover/support/duration.hpp"
#include "drover/support/thrown.hpp"
#include "drover/transport/mpi_session.hpp"

namespace drover {

namespace {

/// A wait that is longer leaves the slot of the task to others.
constexpr auto kShortWait = std::chrono::milliseconds(5);
/// In front of the arguments: they are those of drover, and after `--` come the program's.
constexpr const char* kDroverMark = "--drover";

/// On a worker: what it keeps between tasks, made for the first of them.
struct Keeper {
  std::function<WorkerState()> make;
  std::once_flag once;
  WorkerState state;

  const WorkerState& get() {
    std::call_once(once, [this] {
      if (make) state = make();
    });
    return state;
  }

  /// Ahead of the first task. What is thrown, that task will throw again.
  void prepare() {
    try {
      (void)get();
    } catch (...) {
    }
  }
};

}  // namespace

struct Farm::State {
  std::vector<std::string> drover_args;
  bool is_drover = false;
  std::optional<cli::ProgramArguments> arguments;
  std::string usage_error;
  std::string name;               ///< argv[0]
  std::vector<std::string> rest;  ///< what is left for the program
  std::vector<char*> argv;        ///< of `rest`
  std::shared_ptr<exec::FunctionTable> functions = std::make_shared<exec::FunctionTable>();
  std::shared_ptr<runtime::CallBoard> board = std::make_shared<runtime::CallBoard>();
  std::shared_ptr<Keeper> keeper = std::make_shared<Keeper>();
  Isolation isolation = Isolation::thread;

  void split(const std::vector<std::string>& args);
  [[nodiscard]] cli::SessionEnd hold_session(const SessionBody& session, const std::filesystem::path& run_dir);
};

void Farm::State::split(const std::vector<std::string>& args) {
  if (!args.empty() && args.front() == kDroverMark) {
    is_drover = true;
    const auto end = std::find(args.begin(), args.end(), "--");
    drover_args.assign(args.begin() + 1, end);
    if (end != args.end()) rest.assign(end + 1, args.end());
    return;
  }
  try {
    arguments = cli::parse_program_arguments(args);
    rest = arguments->rest;
  } catch (const Error& e) {
    usage_error = e.what();
  }
}

Farm::Farm(int& argc, char**& argv) : state_(std::make_unique<State>()) {
  state_->name = argc > 0 ? argv[0] : "";
  state_->split({argv + std::min(argc, 1), argv + argc});
  state_->argv.push_back(state_->name.data());
  for (std::string& arg : state_->rest) state_->argv.push_back(arg.data());
  argc = static_cast<int>(state_->argv.size());
  state_->argv.push_back(nullptr);
  argv = state_->argv.data();
}

Farm::~Farm() = default;

void Farm::add(const std::string& name, Body body) {
  if (name.empty() || name.find('\0') != std::string::npos)
    throw UsageError("a task needs a name, without NUL, by which every process knows it");
  add_body(name, body);
  add_body(detail::chunk_name(name), [body = std::move(body)](std::string_view argument, TaskContext& context) {
    std::string results;
    while (!argument.empty()) {
      if (context.is_cancelled()) throw exec::FunctionFailure("was cancelled between two calls");
      detail::append_part(results, body(detail::take_part(argument), context));
    }
    return results;
  });
}

void Farm::add_body(const std::string& name, Body body) {
  const bool is_new = state_->functions
                          ->emplace(name,
                                    [body = std::move(body), board = state_->board, keeper = state_->keeper](
                                        std::string_view argument, const exec::FunctionCall& call) {
                                      TaskContext context(board, call, keeper->get());
                                      std::string result = body(argument, context);
                                      context.end_waiting();
                                      return result;
                                    })
                          .second;
  if (!is_new) throw UsageError("two tasks have the name '" + name + "'");
}

void Farm::set_worker_start(std::function<WorkerState()> make_state) {
  state_->keeper->make = std::move(make_state);
}

bool Farm::is_master() const {
  return !state_->is_drover && transport::is_started_by_launcher() && transport::launcher_rank() == 0;
}

void Farm::set_isolation(Isolation isolation) {
  state_->isolation = isolation;
}

/// On the session's own thread. A failure of the program's own is its end: nothing of it would go better another time.
cli::SessionEnd Farm::State::hold_session(const SessionBody& session, const std::filesystem::path& run_dir) {
  cli::SessionEnd end{std::nullopt, false};
  try {
    Session open(board, run_dir);
    end.status = session(open);
    open.wait_all();
  } catch (const RunStopped&) {
    end.is_cut_short = true;  // the run says itself why
  } catch (...) {
    const support::Thrown thrown = support::describe_current_exception();
    std::fprintf(stderr, "drover: the session has thrown: %s\n", thrown.text.c_str());
    board->cancel_all();
    end.status = cli::kInternalFailure;
  }
  board->finish();
  return end;
}

int Farm::run_session(const SessionBody& session) {
  if (!state_->usage_error.empty()) {
    if (transport::launcher_rank() == 0) std::fprintf(stderr, "drover: %s\n", state_->usage_error.c_str());
    return cli::kInternalFailure;
  }
  cli::Program program{.functions = state_->functions,
                       .isolation = state_->isolation,
                       .prepare = [keeper = state_->keeper] { keeper->prepare(); },
                       .calls = *state_->board,
                       .session = [&](const std::filesystem::path& dir) { return state_->hold_session(session, dir); },
                       .args_before = {kDroverMark},
                       .args_after = {"--"}};
  program.args_after.insert(program.args_after.end(), state_->rest.begin(), state_->rest.end());
  if (state_->is_drover) return cli::run_app(state_->drover_args, &program);
  return cli::run_program(state_->arguments->invocation, program);
}

// --- submitting -------------------------------------------------------------------------------

runtime::CallPtr Submitter::submit_bytes(const std::string& name, std::string argument, const SubmitOptions& options) {
  core::TaskSpec spec;
  spec.kind = core::TaskKind::function;
  spec.payload = exec::call_payload(name, std::move(argument));
  spec.tag = options.label.empty() ? name : options.label;
  spec.priority = options.priority.value_or(priority_);
  spec.depth = depth_;
  spec.maker = maker_;
  spec.timeout = support::bounded(options.timeout);
  std::vector<runtime::CallPtr> after;
  for (const AnyFuture& future : options.after) after.push_back(future.call());
  if (runtime::CallPtr call = board_->try_submit(spec, after, tally_)) return call;
  // What makes room may need the slot of this task.
  const exec::FunctionExecutor::WaitScope waits;
  return board_->submit(std::move(spec), after, tally_);
}

void Submitter::hand_in() {
  if (board_->wait_until_taken(*tally_, kShortWait)) return;
  const exec::FunctionExecutor::WaitScope waits;
  (void)board_->wait_until_taken(*tally_);
}

// --- waiting ----------------------------------------------------------------------------------

namespace detail {

namespace {

[[noreturn]] void throw_failure(const runtime::CallEnd& end) {
  if (!end.how) throw RunStopped("the task has no result: " + end.reason);
  const auto* threw = std::get_if<core::Threw>(&end.outcome);
  switch (*end.how) {
    case core::TaskEnd::cancelled:
      throw TaskCancelled(end.reason.empty() ? "the task was cancelled" : "the task was cancelled: " + end.reason, "",
                          end.num_attempts);
    case core::TaskEnd::timed_out:
      throw TaskTimedOut("the task took longer than it may", "", end.num_attempts);
    case core::TaskEnd::quarantined:
      throw TaskFailed("the task was set aside: it was executing in several workers as they died", "",
                       end.num_attempts);
    case core::TaskEnd::succeeded:
    case core::TaskEnd::failed:
      break;
  }
  if (threw != nullptr) throw TaskFailed(threw->text, threw->type, end.num_attempts);
  throw TaskFailed(core::describe(end.outcome), "", end.num_attempts);
}

}  // namespace

void wait_for_end(runtime::CallBoard& board, const runtime::CallPtr& call) {
  if (board.has_ended(call)) return;
  const exec::FunctionExecutor::WaitScope waits;
  (void)board.wait(call);
}

void throw_no_task() {
  throw UsageError(
      "this future has no task: it was made by default or moved from, and never assigned what submit() gives");
}

std::size_t wait_any(runtime::CallBoard& board, std::span<const runtime::CallPtr> calls) {
  if (calls.empty()) throw UsageError("wait_any() was given no future to wait for");
  const exec::FunctionExecutor::WaitScope waits;
  return board.wait_any(calls);
}

std::size_t wait_next(runtime::CallBoard& board, runtime::EndQueue& queue) {
  const exec::FunctionExecutor::WaitScope waits;
  return board.wait_next(queue);
}

const std::string& result_bytes(runtime::CallBoard& board, const runtime::CallPtr& call) {
  wait_for_end(board, call);
  const runtime::CallEnd& end = board.wait(call);
  if (end.how != core::TaskEnd::succeeded) throw_failure(end);
  return end.value;
}

}  // namespace detail

// --- tasks ------------------------------------------------------------------------------------

namespace {

constexpr std::uint16_t kDeepest = 0xFFFF;
constexpr auto kProgressPause = std::chrono::milliseconds(100);

std::uint16_t depth_below(const core::TaskSpec& spec) {
  return spec.depth < kDeepest ? static_cast<std::uint16_t>(spec.depth + 1) : kDeepest;
}

}  // namespace

TaskContext::TaskContext(std::shared_ptr<runtime::CallBoard> board, const exec::FunctionCall& call,
                         const WorkerState& state)
    : Submitter(std::move(board), call.spec.priority, depth_below(call.spec), call.attempt.task),
      call_(call),
      state_(state) {}

std::string TaskContext::owner() const {
  if (call_.owner.is_none()) return "session";
  if (core::is_worker(call_.owner)) return "worker " + std::to_string(core::worker_of(call_.owner).value);
  return "client " + std::to_string(call_.owner.value);
}

void TaskContext::progress(double fraction, std::string text) {
  const double within = std::isfinite(fraction) ? std::clamp(fraction, 0.0, 1.0) : 0;
  untold_ = Progress{within, std::move(text)};
  const auto now = std::chrono::steady_clock::now();
  if (now - told_ < kProgressPause) return;
  told_ = now;
  tell();
}

void TaskContext::tell() {
  if (untold_) board().tell({call_.attempt, untold_->fraction, std::move(untold_->text)});
  untold_.reset();
}

TaskContext::~TaskContext() {
  tell();
  hand_in();
}

void TaskContext::throw_other_state(const std::type_info& asked) {
  throw UsageError(std::string("on_worker_start() has made no state of the type ") + asked.name());
}

std::string TaskWorker::execute(const Task& task, TaskContext& context) {
  result_.reset();
  failure_.reset();
  work(task, context);
  if (failure_) throw exec::FunctionFailure(*failure_);
  if (!result_) throw exec::FunctionFailure("work() ended without finish() or fail()");
  return std::move(*result_);
}

void TaskWorker::finish(std::string result) {
  result_ = std::move(result);
  failure_.reset();
}

void TaskWorker::fail(std::string reason) {
  failure_ = std::move(reason);
  result_.reset();
}

}  // namespace drover
