#include "drover/runtime/slurm_allocation.hpp"

#include <unistd.h>

#include <algorithm>
#include <charconv>
#include <set>
#include <sstream>

#include "drover/runtime/child_process.hpp"
#include "drover/support/error.hpp"

namespace drover::runtime {

namespace {

using namespace std::chrono_literals;

/// A controller that does not answer must not keep a batch from starting.
constexpr core::Duration kAnswerLimit = 10s;
/// A bound on what an abbreviation may stand for.
constexpr std::size_t kMostNodes = 65'536;

std::string value(const Environment& environment, std::string_view name) {
  const auto found = environment.find(name);
  return found != environment.end() ? found->second : "";
}

/// The first of them that is set: Slurm has new names for old variables.
std::string value(const Environment& environment, std::initializer_list<std::string_view> names) {
  for (const std::string_view name : names)
    if (std::string text = value(environment, name); !text.empty()) return text;
  return "";
}

template <class Number>
std::optional<Number> parse_number(std::string_view text) {
  Number number{};
  const auto parsed = std::from_chars(text.data(), text.data() + text.size(), number);
  if (text.empty() || parsed.ec != std::errc() || parsed.ptr != text.data() + text.size()) return std::nullopt;
  return number;
}

Error list_error(std::string_view list) {
  return Error("Slurm's list '" + std::string(list) + "' cannot be understood");
}

/// At commas, but not at those in brackets.
std::vector<std::string_view> split(std::string_view list) {
  std::vector<std::string_view> parts;
  int depth = 0;
  std::size_t begin = 0;
  for (std::size_t i = 0; i <= list.size(); ++i) {
    if (i < list.size()) depth += list[i] == '[' ? 1 : list[i] == ']' ? -1 : 0;
    if (i < list.size() && (list[i] != ',' || depth > 0)) continue;
    if (i > begin) parts.push_back(list.substr(begin, i - begin));
    begin = i + 1;
  }
  return parts;
}

/// `1-3` or `07`, with the zeros that it is written with.
std::vector<std::string> expand_range(std::string_view range, std::string_view list) {
  const auto dash = range.find('-');
  const std::string_view low = range.substr(0, dash);
  const std::string_view high = dash == std::string_view::npos ? low : range.substr(dash + 1);
  const auto first = parse_number<std::uint64_t>(low);
  const auto last = parse_number<std::uint64_t>(high);
  if (!first || !last || *last < *first || *last - *first >= kMostNodes) throw list_error(list);
  std::vector<std::string> numbers;
  for (std::uint64_t number = *first; number <= *last; ++number) {
    std::string text = std::to_string(number);
    if (text.size() < low.size()) text.insert(0, low.size() - text.size(), '0');
    numbers.push_back(std::move(text));
  }
  return numbers;
}

/// One name that may have several brackets.
std::vector<std::string> expand_name(std::string_view name, std::string_view list) {
  const auto open = name.find('[');
  if (open == std::string_view::npos) return {std::string(name)};
  const auto close = name.find(']', open);
  if (close == std::string_view::npos) throw list_error(list);
  const std::vector<std::string> endings = expand_name(name.substr(close + 1), list);
  std::vector<std::string> names;
  for (const std::string_view range : split(name.substr(open + 1, close - open - 1)))
    for (const std::string& number : expand_range(range, list))
      for (const std::string& ending : endings) names.push_back(std::string(name.substr(0, open)) + number + ending);
  if (names.size() > kMostNodes) throw list_error(list);
  return names;
}

std::string memory_of(const Environment& environment) {
  if (const std::string node = value(environment, "SLURM_MEM_PER_NODE"); !node.empty()) return node + " MB a node";
  if (const std::string cpu = value(environment, "SLURM_MEM_PER_CPU"); !cpu.empty()) return cpu + " MB a CPU";
  return "";
}

/// What a command of Slurm's prints; none when it fails or does not answer.
std::optional<std::string> ask(std::vector<std::string> command) {
  ChildProcess::Options options;
  options.command = std::move(command);
  options.env = {"SLURM_TIME_FORMAT=%s"};
  try {
    ChildProcess process(options);
    if (!wait_for_end(process, kAnswerLimit) || process.wait_status() != 0) return std::nullopt;
    return process.output();
  } catch (const Error&) {
    return std::nullopt;
  }
}

std::optional<std::chrono::system_clock::time_point> time_point(std::string_view text) {
  const auto end = std::find_if(text.begin(), text.end(), [](char c) { return c < '0' || c > '9'; });
  const auto seconds = parse_number<std::int64_t>(text.substr(0, static_cast<std::size_t>(end - text.begin())));
  if (!seconds) return std::nullopt;
  return std::chrono::system_clock::time_point(std::chrono::seconds(*seconds));
}

/// sinfo's words for nodes that run what they are given, with a mark when they do not answer.
bool is_usable(const std::string& state) {
  if (state.ends_with('*')) return false;
  static const std::set<std::string, std::less<>> usable{"allocated", "mixed", "idle", "completing", "draining"};
  return usable.contains(std::string_view(state).substr(0, state.find_first_of("+~#!%$@^-")));
}

}  // namespace

Environment process_environment() {
  Environment variables;
  for (char** entry = environ; *entry != nullptr; ++entry) {
    const std::string_view text = *entry;
    const auto equals = text.find('=');
    if (equals != std::string_view::npos)
      variables.emplace(std::string(text.substr(0, equals)), std::string(text.substr(equals + 1)));
  }
  return variables;
}

std::optional<SlurmAllocation> slurm_allocation(const Environment& environment) {
  SlurmAllocation allocation;
  allocation.job_id = value(environment, {"SLURM_JOB_ID", "SLURM_JOBID"});
  allocation.node_list = value(environment, {"SLURM_JOB_NODELIST", "SLURM_NODELIST"});
  if (allocation.job_id.empty() || allocation.node_list.empty()) return std::nullopt;
  const std::vector<std::string> names = expand_node_list(allocation.node_list);
  const std::string cpus = value(environment, "SLURM_JOB_CPUS_PER_NODE");
  const std::vector<unsigned> counts = cpus.empty() ? std::vector<unsigned>(names.size(), 1) : expand_counts(cpus);
  if (counts.size() != names.size())
    throw Error("Slurm says that this job has the nodes " + allocation.node_list + " and on them " + cpus +
                " CPUs, which are not as many");
  for (std::size_t i = 0; i < names.size(); ++i) allocation.nodes.push_back({names[i], std::max(counts[i], 1U)});
  const std::string node = value(environment, "SLURMD_NODENAME");
  const auto here = std::find_if(allocation.nodes.begin(), allocation.nodes.end(),
                                 [&node](const SlurmNode& other) { return other.name == node; });
  if (here != allocation.nodes.end()) {
    allocation.this_node = node;
    std::rotate(allocation.nodes.begin(), here, here + 1);
  }
  allocation.memory = memory_of(environment);
  allocation.gpus = value(environment, {"SLURM_JOB_GPUS", "SLURM_STEP_GPUS"});
  allocation.num_components =
      parse_number<unsigned>(value(environment, {"SLURM_HET_SIZE", "SLURM_PACK_SIZE"})).value_or(1);
  return allocation;
}

std::string srun_obstacle(const Environment& environment) {
  const std::string tasks = value(environment, {"SLURM_STEP_NUM_TASKS"});
  if (value(environment, "SLURM_STEP_ID").empty() || parse_number<unsigned>(tasks).value_or(1) < 2) return "";
  return "srun has started " + tasks +
         " copies of drover that know nothing of each other, because MPI and srun do not understand each other: use "
         "srun --mpi=pmix where 'srun --mpi=list' has it, or no srun at all: in a job, 'drover run' starts its ranks "
         "itself";
}

std::vector<std::string> expand_node_list(std::string_view list) {
  std::vector<std::string> names;
  for (const std::string_view name : split(list)) {
    std::vector<std::string> more = expand_name(name, list);
    std::move(more.begin(), more.end(), std::back_inserter(names));
    if (names.size() > kMostNodes) throw list_error(list);
  }
  return names;
}

std::vector<unsigned> expand_counts(std::string_view list) {
  std::vector<unsigned> counts;
  for (const std::string_view entry : split(list)) {
    const auto open = entry.find("(x");
    const bool is_repeated = open != std::string_view::npos;
    const auto count = parse_number<unsigned>(entry.substr(0, open));
    const auto times = is_repeated && entry.ends_with(')')
                           ? parse_number<unsigned>(entry.substr(open + 2, entry.size() - open - 3))
                           : std::optional<unsigned>(is_repeated ? 0 : 1);
    if (!count || !times || *times == 0 || *times > kMostNodes) throw list_error(list);
    counts.insert(counts.end(), *times, *count);
  }
  return counts;
}

std::vector<std::string> srun_into_job(const std::string& job_id, const std::string& node,
                                       const Environment& environment) {
  std::vector<std::string> command{"env"};
  for (const auto& [name, value] : environment)
    if (name.starts_with("SLURM_") && name != "SLURM_CONF") command.push_back("--unset=" + name);
  for (const char* word : {"srun", "--overlap", "--mpi=none", "--quiet", "--nodes=1", "--ntasks=1"})
    command.emplace_back(word);
  command.insert(command.end(), {"--jobid=" + job_id, "--nodelist=" + node});
  return command;
}

bool binds_steps() {
  const std::optional<std::string> answer = ask({"scontrol", "show", "config"});
  if (!answer) return true;
  std::istringstream lines(*answer);
  for (std::string line; std::getline(lines, line);)
    if (line.starts_with("TaskPlugin "))
      return line.find("affinity") != std::string::npos || line.find("cgroup") != std::string::npos;
  return true;
}

std::optional<std::chrono::system_clock::time_point> slurm_end_time(const Environment& environment) {
  const std::string job = value(environment, {"SLURM_JOB_ID", "SLURM_JOBID"});
  if (job.empty()) return std::nullopt;
  if (const auto answer = ask({"squeue", "--noheader", "--jobs", job, "--format", "%e"})) return time_point(*answer);
  return time_point(value(environment, "SLURM_JOB_END_TIME"));
}

std::vector<SlurmNode> usable_nodes(const SlurmAllocation& allocation) {
  // A node that failed is the job's no more, even when it is back.
  std::string still = allocation.node_list;
  if (auto answer = ask({"squeue", "--noheader", "--jobs", allocation.job_id, "--format", "%N"}))
    still = answer->substr(0, answer->find_last_not_of(" \n") + 1);
  const std::vector<std::string> names = expand_node_list(still);
  std::set<std::string, std::less<>> usable(names.begin(), names.end());
  std::istringstream lines(ask({"sinfo", "--noheader", "--Node", "--nodes", still, "--format", "%N %T"}).value_or(""));
  for (std::string name, state; lines >> name >> state;)
    if (!is_usable(state)) usable.erase(name);
  std::vector<SlurmNode> nodes;
  for (const SlurmNode& node : allocation.nodes)
    if (usable.contains(node.name)) nodes.push_back(node);
  return nodes;
}

}  // namespace drover::runtime
