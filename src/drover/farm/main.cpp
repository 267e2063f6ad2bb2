#include <string>
#include <vector>

#include "drover/cli/app.hpp"
#include "drover/farm/demo.hpp"

int main(int argc, char** argv) {
  const std::vector<std::string> args(argv + 1, argv + argc);
  // Also as a rank of the demo that was spawned, or joins.
  const bool is_demo = !args.empty() && (args.front() == "demo" || args.front() == "--drover");
  return is_demo ? drover::run_demo(argc, argv) : drover::cli::run_app(args);
}
