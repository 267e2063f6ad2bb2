#include "drover/runtime/slurm_jobs.hpp"

#include <array>
#include <charconv>
#include <sstream>
#include <thread>

#include "drover/runtime/launcher.hpp"
#include "drover/support/error.hpp"
#include "drover/support/shell_quote.hpp"

namespace drover::runtime {

namespace {

using namespace std::chrono_literals;

/// A tool that does not end when it is told to must not keep the master waiting.
constexpr core::Duration kEndGrace = 100ms;
constexpr core::Duration kAnswerLimit = 5s;
constexpr int kMostCancellations = 3;
constexpr std::size_t kMostWords = 400;
/// Before a job's end its workers are told so that what runs can end.
constexpr core::Duration kMostNotice = 2min;

bool is_plain(char c) {
  return (c >= '0' && c <= '9') || (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || c == '-' || c == '_' || c == '.';
}

/// FNV-1a: the same in every build, as a name that is looked for later must be.
std::uint32_t digest(std::string_view text) {
  std::uint32_t hash = 2166136261U;
  for (const char c : text) hash = (hash ^ static_cast<unsigned char>(c)) * 16777619U;
  return hash;
}

/// In a file name, sbatch replaces what follows a percent sign.
std::string without_patterns(const std::string& path) {
  std::string text;
  for (const char c : path) text += c == '%' ? "%%" : std::string(1, c);
  return text;
}

std::vector<std::string> lines_of(std::string_view output) {
  std::vector<std::string> lines;
  std::istringstream stream{std::string(output)};
  for (std::string line; std::getline(stream, line);)
    if (!line.empty()) lines.push_back(line);
  return lines;
}

/// `[DAYS-][[HOURS:]MINUTES:]SECONDS`.
std::optional<core::Duration> time_used(std::string_view text) {
  constexpr std::array<int, 4> kFactors{0, 24, 60, 60};  // of what is before each part
  std::array<std::int64_t, 4> parts{};
  const auto dash = text.find('-');
  std::vector<std::string_view> words;
  if (dash != std::string_view::npos) words.push_back(text.substr(0, dash));
  for (std::string_view rest = dash == std::string_view::npos ? text : text.substr(dash + 1);;) {
    const auto colon = rest.find(':');
    words.push_back(rest.substr(0, colon));
    if (colon == std::string_view::npos) break;
    rest.remove_prefix(colon + 1);
  }
  if (words.size() > parts.size()) return std::nullopt;
  for (std::size_t i = 0; i < words.size(); ++i) {
    std::int64_t& part = parts.at(parts.size() - words.size() + i);
    const auto parsed = std::from_chars(words[i].data(), words[i].data() + words[i].size(), part);
    if (parsed.ec != std::errc() || parsed.ptr != words[i].data() + words[i].size()) return std::nullopt;
  }
  std::int64_t seconds = 0;
  for (std::size_t i = 0; i < parts.size(); ++i) seconds = seconds * kFactors.at(i) + parts.at(i);
  return std::chrono::seconds(seconds);
}

void append(std::vector<std::string>& command, const std::vector<std::string>& more) {
  command.insert(command.end(), more.begin(), more.end());
}

struct Answer {
  bool is_good = false;
  std::string output;
};

Answer ask(const std::vector<std::string>& command) {
  try {
    ChildProcess tool = start_slurm_tool(command, process_environment());
    if (!wait_for_end(tool, kAnswerLimit)) return {false, command.front() + " does not answer"};
    return {tool.wait_status() == 0, tool.output()};
  } catch (const Error& e) {
    return {false, e.what()};
  }
}

}  // namespace

std::string slurm_job_name(const std::filesystem::path& run_dir) {
  std::string id = run_dir.filename().string();
  std::erase_if(id, [](char c) { return !is_plain(c); });
  std::array<char, 9> hex{};
  std::snprintf(hex.data(), hex.size(), "%08x",
                static_cast<unsigned>(digest(std::filesystem::weakly_canonical(run_dir).string())));
  return "drover-" + id.substr(0, 64) + "-" + hex.data();
}

std::vector<std::string> sbatch_command(const WorkerJob& job, const Environment& environment) {
  std::vector<std::string> command{"sbatch"};
  const auto inherit = [&](const std::string& option, std::string_view variable) {
    const auto found = environment.find(variable);
    if (found != environment.end() && !found->second.empty() && found->second != "(null)")
      command.push_back(option + found->second);
  };
  inherit("--cpus-per-task=", "SLURM_CPUS_PER_TASK");
  inherit("--partition=", "SLURM_JOB_PARTITION");
  inherit("--account=", "SLURM_JOB_ACCOUNT");
  inherit("--qos=", "SLURM_JOB_QOS");
  append(command, job.options);
  const auto minutes = std::chrono::ceil<std::chrono::minutes>(job.size.limit).count();
  const auto notice = std::chrono::duration_cast<std::chrono::seconds>(std::min(kMostNotice, job.size.limit / 4));
  append(command, {"--parsable", "--no-requeue", "--nodes=" + std::to_string(job.size.num_nodes), "--ntasks-per-node=1",
                   "--time=" + std::to_string(minutes), "--signal=B:USR1@" + std::to_string(notice.count()),
                   "--job-name=" + slurm_job_name(job.run_dir),
                   "--output=" + without_patterns((job.run_dir / "auto-alloc-").string()) + "%j.log"});
  std::string script = "exec";
  for (const std::string& word : job.command) script += " " + support::shell_quote(word);
  append(command, {"--wrap", script});
  return command;
}

std::vector<std::string> squeue_command(const std::filesystem::path& run_dir) {
  return {"squeue", "--noheader", "--name=" + slurm_job_name(run_dir), "--format=%i %T %M %r"};
}

ChildProcess start_slurm_tool(std::vector<std::string> command, const Environment& environment) {
  ChildProcess::Options options;
  options.command = std::move(command);
  options.unset = launcher_variables();
  options.unset.emplace_back("SLURM_");
  options.unset.emplace_back("DROVER_HOSTS=");  // of the run, and not of a group that joins it
  if (const auto conf = environment.find("SLURM_CONF"); conf != environment.end())
    options.env.push_back("SLURM_CONF=" + conf->second);
  options.end_grace = kEndGrace;
  return ChildProcess(options);
}

/// `17`, or `17;cluster`.
std::optional<std::string> submitted_job(std::string_view output) {
  for (const std::string& line : lines_of(output)) {
    const std::string id = line.substr(0, line.find(';'));
    if (!id.empty() && id.find_first_not_of("0123456789") == std::string::npos) return id;
  }
  return std::nullopt;
}

std::vector<QueueEntry> queue_entries(std::string_view output) {
  std::vector<QueueEntry> entries;
  for (const std::string& line : lines_of(output)) {
    std::istringstream words(line);
    QueueEntry entry;
    std::string state;
    std::string used;
    if (!(words >> entry.job.id >> state >> used) || !submitted_job(entry.job.id)) continue;
    if (state == "PENDING") {
      std::getline(words >> std::ws, entry.reason);
    } else if (state == "RUNNING" || state == "CONFIGURING" || state == "COMPLETING" || state == "SUSPENDED" ||
               state == "STOPPED") {
      entry.job.time_used = time_used(used).value_or(core::Duration::zero());
    } else {
      continue;  // it has ended
    }
    entries.push_back(std::move(entry));
  }
  return entries;
}

std::string slurm_words(std::string_view output) {
  std::string text;
  for (const std::string& line : lines_of(output)) text += (text.empty() ? "" : "; ") + line;
  return text.empty() ? "it said nothing" : text.substr(0, kMostWords);
}

std::string cancel_slurm_jobs(const std::filesystem::path& run_dir) {
  const std::string name = slurm_job_name(run_dir);
  std::string failure;
  for (int i = 0; i < kMostCancellations; ++i) {
    if (i > 0) std::this_thread::sleep_for(500ms);
    const Answer cancelled = ask({"scancel", "--name=" + name});
    const Answer left = ask({"squeue", "--noheader", "--name=" + name, "--states=PENDING,RUNNING,CONFIGURING,SUSPENDED",
                             "--format=%i %T %M %r"});
    failure = !cancelled.is_good ? slurm_words(cancelled.output) : !left.is_good ? slurm_words(left.output) : "";
    if (failure.empty() && queue_entries(left.output).empty()) return "";
    if (failure.empty()) failure = "they are still there";
  }
  return "the jobs named " + name + " may be left (" + failure + "): scancel --name=" + name;
}

}  // namespace drover::runtime
