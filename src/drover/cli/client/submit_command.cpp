#include "drover/cli/client/submit_command.hpp"

#include <unistd.h>

#include <algorithm>
#include <csignal>
#include <cstdio>
#include <memory>
#include <utility>

#include "drover/cli/client/number_ranges.hpp"
#include "drover/cli/client/submission.hpp"
#include "drover/core/function_call.hpp"

namespace drover::cli {

namespace {

constexpr std::uint64_t kMostCounted = 101;
constexpr int kSignalBase = 128;

/// Each a task.
class CommandList final : public runtime::TaskSource {
 public:
  explicit CommandList(const std::vector<std::string>& commands) : commands_(commands) {}

  Batch pull(std::size_t max) override {
    Batch batch;
    for (; batch.tasks.size() < max && num_given_ < commands_.size(); ++num_given_)
      batch.tasks.push_back({core::TaskKind::command, commands_[num_given_], {}, ""});
    if (num_given_ == commands_.size()) batch.state = State::end;
    return batch;
  }
  [[nodiscard]] int wait_fd() const override { return -1; }

 private:
  const std::vector<std::string>& commands_;
  std::size_t num_given_ = 0;
};

/// The same lines as arguments of a function.
class Calls final : public runtime::TaskSource {
 public:
  Calls(std::string function, std::unique_ptr<runtime::TaskSource> arguments)
      : function_(std::move(function)), arguments_(std::move(arguments)) {}

  Batch pull(std::size_t max) override {
    Batch batch = arguments_->pull(max);
    for (core::TaskSpec& task : batch.tasks) {
      task.kind = core::TaskKind::function;
      task.tag = std::exchange(task.payload, core::call_payload(function_, task.payload));
    }
    return batch;
  }
  [[nodiscard]] int wait_fd() const override { return arguments_->wait_fd(); }

 private:
  std::string function_;
  std::unique_ptr<runtime::TaskSource> arguments_;
};

std::unique_ptr<runtime::TaskSource> open_source(const SubmitOptions& options,
                                                 const std::vector<ArgumentSource>& sources) {
  const bool has_dash = std::find(options.commands.begin(), options.commands.end(), "-") != options.commands.end();
  if (has_dash && options.commands.size() > 1)
    throw UsageError("'-' stands for commands from standard input: it cannot be one of several");
  if (has_dash || !sources.empty()) {
    InputOptions input{options.commands, sources, {}};
    if (options.null_separated) input.form.delimiter = '\0';
    return open_input(input, STDIN_FILENO);
  }
  if (options.null_separated) throw UsageError("-0 is for commands from standard input: give '-' for them");
  for (const std::string& command : options.commands)
    if (command.empty()) throw UsageError("a command is empty");
  return std::make_unique<CommandList>(options.commands);
}

void print_failures(const Submission& submission) {
  for (const control::reply::TaskResult& result : submission.failures()) {
    const std::string what = result.outcome.empty() ? std::string(core::to_string(result.how)) : result.outcome;
    std::fprintf(stderr, "drover: task %llu%s: %s: %s\n", static_cast<unsigned long long>(result.task.value),
                 result.host.empty() ? "" : (" on " + result.host).c_str(), what.c_str(), result.tag.c_str());
  }
  if (submission.num_unsuccessful() > 0)
    std::fprintf(stderr, "drover: %llu of %s did not succeed\n",
                 static_cast<unsigned long long>(submission.num_unsuccessful()),
                 counted(submission.num_accepted(), "task").c_str());
  if (submission.num_missed() > 0)
    std::fprintf(stderr,
                 "drover: the outputs of %s are not shown, as they were read too slowly: the run directory has them\n",
                 counted(submission.num_missed(), "task").c_str());
}

void print_numbers(const Submission& submission) {
  if (submission.num_accepted() == 0)
    std::printf("submitted no tasks\n");
  else
    std::printf("submitted %s: %s\n", counted(submission.num_accepted(), "task").c_str(),
                format_ranges(submission.accepted()).c_str());
}

}  // namespace

CLI::App* declare_submit(CLI::App& app, SubmitOptions& options) {
  CLI::App* submit = app.add_subcommand("submit", "Add tasks to a run that is going on");
  submit
      ->add_option("command", options.commands,
                   "Commands, each one word of yours: a task each. '-': commands from standard input, one a line.\n"
                   "A template with ::: VALUES... or :::: FILES..., as for 'drover run'")
      ->required()
      ->type_name("COMMAND|-|TEMPLATE");
  submit
      ->add_option("--function", options.function,
                   "They are arguments of this task of the run's own program, one that takes and gives text")
      ->type_name("NAME");
  submit->add_flag("-0,--null", options.null_separated, "Commands from standard input end with NUL instead of newline");
  submit->add_flag("--wait", options.wait,
                   "Print the outputs as tasks end, and exit as a run of just these tasks would");
  submit->add_flag("--tag", options.tag, "Begin each line of output with the task's command and a tab");
  declare_client_options(*submit, options.client);
  return submit;
}

int run_submit(const SubmitOptions& options, const std::vector<ArgumentSource>& sources) {
  std::unique_ptr<runtime::TaskSource> source = open_source(options, sources);
  if (!options.function.empty()) {
    if (!sources.empty()) throw UsageError("--function takes its arguments as they are, not by a template");
    source = std::make_unique<Calls>(options.function, std::move(source));
  }
  control::ControlClient client = connect(options.client);
  Submission submission({options.wait, options.tag}, client, *source);
  submission.run();
  if (!options.wait) {
    print_numbers(submission);
    return 0;
  }
  print_failures(submission);
  if (submission.is_reader_gone()) return kSignalBase + SIGPIPE;
  return static_cast<int>(std::min(submission.num_unsuccessful(), kMostCounted));
}

}  // namespace drover::cli
