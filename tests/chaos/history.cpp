#include "history.hpp"

#include <fstream>
#include <nlohmann/json.hpp>

namespace drover::chaos {

namespace {

struct Task {
  std::uint32_t current = 0;  ///< the last attempt that was dispatched
  bool is_out = false;        ///< and has not ended, been lost or handed back
  bool is_executed = false;   ///< an attempt ended with success
  bool has_ended = false;
};

class Checker {
 public:
  void take(const nlohmann::json& event, std::uint64_t line);
  HistoryVerdict finish();

 private:
  void take_attempt(const std::string& name, const nlohmann::json& event);
  void fault(const std::string& text) {
    if (verdict_.faults.size() < 20) verdict_.faults.push_back("line " + std::to_string(line_) + ": " + text);
  }

  std::map<std::uint64_t, Task> tasks_;
  std::uint64_t line_ = 0;
  HistoryVerdict verdict_;
};

void Checker::take(const nlohmann::json& event, std::uint64_t line) {
  line_ = line;
  const std::string name = event.at("event");
  if (name == "task_accepted") {
    if (!tasks_.try_emplace(event.at("task").get<std::uint64_t>()).second) fault("a task is accepted twice");
  } else if (name == "group_formed") {
    ++verdict_.num_groups;
  } else if (name == "worker_ended") {
    if (event.at("how") == "lost") ++verdict_.num_lost_workers;
  } else if (name == "attempt_superseded") {
    ++verdict_.num_superseded;
  } else if (name == "task_ended") {
    const auto task = tasks_.find(event.at("task").get<std::uint64_t>());
    if (task == tasks_.end()) return fault("a task ends that was never accepted");
    if (task->second.has_ended) fault("task " + std::to_string(task->first) + " ends twice");
    task->second.has_ended = true;
    if (event.at("how") != "succeeded") return;
    ++verdict_.num_succeeded;
    if (!task->second.is_executed) fault("task " + std::to_string(task->first) + " succeeds without a result");
  } else if (event.contains("attempt")) {
    take_attempt(name, event);
  }
}

void Checker::take_attempt(const std::string& name, const nlohmann::json& event) {
  const auto number = event.at("task").get<std::uint64_t>();
  const auto attempt = event.at("attempt").get<std::uint32_t>();
  const std::string what = "task " + std::to_string(number) + " attempt " + std::to_string(attempt);
  const auto found = tasks_.find(number);
  if (found == tasks_.end()) return fault(what + " is of no task");
  Task& task = found->second;
  if (task.has_ended) return fault(what + ": " + name + " after the end of the task");
  if (name == "attempt_dispatched") {
    ++verdict_.num_attempts;
    if (task.is_out) fault(what + " is dispatched while another is out");
    if (attempt != task.current + 1) fault(what + " follows attempt " + std::to_string(task.current));
    task.current = attempt;
    task.is_out = true;
    return;
  }
  if (!task.is_out || attempt != task.current) return fault(what + ": " + name + ", but it is not the current one");
  if (name == "attempt_started") return;
  task.is_out = false;
  if (name == "attempt_ended") task.is_executed = task.is_executed || event.at("exit") == 0;
}

HistoryVerdict Checker::finish() {
  verdict_.num_tasks = tasks_.size();
  for (const auto& [number, task] : tasks_)
    if (!task.has_ended) fault("task " + std::to_string(number) + " has no terminal record");
  return verdict_;
}

}  // namespace

HistoryVerdict check_history(const std::filesystem::path& events) {
  std::ifstream file(events);
  Checker checker;
  std::uint64_t number = 0;
  for (std::string line; std::getline(file, line);) checker.take(nlohmann::json::parse(line), ++number);
  return checker.finish();
}

}  // namespace drover::chaos
