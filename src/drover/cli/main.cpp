#include <string>
#include <vector>

#include "drover/cli/app.hpp"

int main(int argc, char** argv) {
  return drover::cli::run_app(std::vector<std::string>(argv + 1, argv + argc));
}
