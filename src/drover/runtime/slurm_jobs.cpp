#include "drover/runtime/slurm_jobs.hpp"

#include <algorithm>
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

/// Of `NAME=value NAME=value`; empty: it is not there, or says that it has none.
std::string field(std::string_view description, std::string_view name) {
  std::istringstream words{std::string(description)};
  for (std::string word; words >> word;)
    if (word.size() > name.size() && word.starts_with(name) && word[name.size()] == '=') {
      const std::string value = word.substr(name.size() + 1);
      return value == "(null)" ? "" : value;
    }
  return "";
}

/// `gres:gpu:a100:2,gres/shard:4`, as older and newer Slurms write it, as sbatch takes it.
std::string gres_of(const std::string& tres) {
  std::string list;
  std::istringstream entries(tres);
  for (std::string entry; std::getline(entries, entry, ',');) {
    if (!entry.starts_with("gres:") && !entry.starts_with("gres/")) continue;
    list += (list.empty() ? "" : ",") + entry.substr(5);
  }
  return list;
}

/// What every node of the job has at least, whether it was asked for by tasks, by CPUs of a task or by whole nodes.
std::string cpus_of_node(const std::string& counts, const std::string& cpus_per_task) {
  if (counts.empty()) return cpus_per_task;
  const std::vector<unsigned> all = expand_counts(counts);
  return std::to_string(*std::min_element(all.begin(), all.end()));
}

/// Whether one of the options of the user says what this one says, by a name that sbatch does not take for the same.
bool is_replaced(const std::string& option, const std::vector<std::string>& options) {
  static const std::vector<std::vector<std::string>> alternatives{
      {"--mem", "--mem-per-cpu", "--mem-per-gpu"},
      {"--gres", "--gpus", "-G", "--gpus-per-node", "--gpus-per-task", "--gpus-per-socket"},
      {"--cpus-per-task", "-c"},
      {"--constraint", "-C"},
      {"--partition", "-p"},
      {"--account", "-A"},
      {"--qos", "-q"}};
  const auto says = [](const std::string& word, const std::string& name) {
    if (!name.starts_with("--")) return word.starts_with(name) && !word.starts_with("--");
    return word == name || word.starts_with(name + "=");
  };
  const auto group = std::find_if(alternatives.begin(), alternatives.end(), [&](const std::vector<std::string>& names) {
    return std::any_of(names.begin(), names.end(), [&](const std::string& name) { return says(option, name); });
  });
  if (group == alternatives.end()) return false;
  return std::any_of(options.begin(), options.end(), [&](const std::string& word) {
    return std::any_of(group->begin(), group->end(), [&](const std::string& name) { return says(word, name); });
  });
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

std::vector<std::string> inherited_options(const Environment& environment, std::string_view description) {
  std::vector<std::string> options;
  const auto inherit = [&options](const std::string& option, const std::string& value) {
    if (!value.empty() && value != "(null)" && value != "N/A") options.push_back(option + value);
    return !value.empty();
  };
  const auto variable = [&environment](std::string_view name) {
    const auto found = environment.find(name);
    return found != environment.end() ? found->second : "";
  };
  inherit("--cpus-per-task=", cpus_of_node(variable("SLURM_JOB_CPUS_PER_NODE"), variable("SLURM_CPUS_PER_TASK")));
  (void)(inherit("--mem=", variable("SLURM_MEM_PER_NODE")) ||
         inherit("--mem-per-cpu=", variable("SLURM_MEM_PER_CPU")) ||
         inherit("--mem-per-gpu=", variable("SLURM_MEM_PER_GPU")));
  (void)(inherit("--gres=", gres_of(field(description, "TresPerNode"))) ||
         inherit("--gpus-per-node=", variable("SLURM_GPUS_ON_NODE")));
  inherit("--constraint=", field(description, "Features"));
  inherit("--reservation=", field(description, "Reservation"));
  inherit("--partition=", variable("SLURM_JOB_PARTITION"));
  inherit("--account=", variable("SLURM_JOB_ACCOUNT"));
  inherit("--qos=", variable("SLURM_JOB_QOS"));
  return options;
}

std::string own_job_description(const Environment& environment) {
  const auto job = environment.find("SLURM_JOB_ID");
  if (job == environment.end()) return "";
  const Answer answer = ask({"scontrol", "--oneliner", "show", "job", job->second});
  return answer.is_good ? answer.output : "";
}

std::vector<std::string> sbatch_command(const WorkerJob& job) {
  std::vector<std::string> command{"sbatch"};
  for (const std::string& option : job.inherited)
    if (!is_replaced(option, job.options)) command.push_back(option);
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
