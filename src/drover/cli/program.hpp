// A user's own program, with its functions and the code that submits tasks, where drover is only the
// engine. drover itself has none of it.
#pragma once

#include <filesystem>
#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "drover/exec/function_table.hpp"
#include "drover/runtime/call_board.hpp"

namespace drover::cli {

/// How a program's code that submits tasks came to its end.
struct SessionEnd {
  std::optional<int> status;  ///< what it returned, if it did return anything
  bool is_cut_short;          ///< it heard that the run has stopped, and gave up
};

struct Program {
  /// What its tasks may call; the same in every process.
  std::shared_ptr<const exec::FunctionTable> functions;
  /// Where they execute, when no option says it.
  exec::Isolation isolation = exec::Isolation::thread;
  /// Executed once before the first, where each has a process: in what these are forked from. Does not throw.
  std::function<void()> prepare;
  /// Where its code submits tasks: the session on the master, or tasks on a worker.
  runtime::CallBoard& calls;
  /// Executed on a thread of its own on the master. Does not throw, and returns once the board is closed.
  std::function<SessionEnd(const std::filesystem::path& run_dir)> session;
  /// What turns a call of the program into a call of drover, before and after drover's arguments.
  std::vector<std::string> args_before;
  std::vector<std::string> args_after;
};

/// The words in front of drover's arguments that call it on any host where this program is: the program that runs, be
/// it drover itself (null) or another.
[[nodiscard]] std::vector<std::string> own_command(const Program* program);

}  // namespace drover::cli
