#include "drover/cli/program.hpp"

#include "drover/support/own_program.hpp"

namespace drover::cli {

std::vector<std::string> own_command(const Program* program) {
  std::vector<std::string> words{support::own_program()};
  if (program != nullptr) words.insert(words.end(), program->args_before.begin(), program->args_before.end());
  return words;
}

}  // namespace drover::cli
