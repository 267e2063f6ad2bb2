// The bare limit: how fast this machine starts and reaps programs with nothing in between.
// usage: spawn_baseline NUM CONCURRENCY PROGRAM [ARGUMENT...]   the same so many times
//        spawn_baseline --lines FILE CONCURRENCY                each line of words a command
#include <spawn.h>
#include <sys/wait.h>
#include <unistd.h>

#include <chrono>
#include <cstdio>
#include <cstdlib>
#include <fstream>
#include <sstream>
#include <string>
#include <string_view>
#include <vector>

namespace {

using Command = std::vector<std::string>;

std::vector<Command> read_lines(const char* path) {
  std::ifstream file(path);
  std::vector<Command> commands;
  for (std::string line; std::getline(file, line);) {
    std::istringstream words(line);
    Command command;
    for (std::string word; words >> word;) command.push_back(word);
    if (!command.empty()) commands.push_back(std::move(command));
  }
  return commands;
}

bool start(const Command& command) {
  std::vector<char*> argv;
  for (const std::string& word : command) argv.push_back(const_cast<char*>(word.c_str()));  // the call's signature
  argv.push_back(nullptr);
  pid_t pid = 0;
  return ::posix_spawnp(&pid, argv.front(), nullptr, nullptr, argv.data(), environ) == 0;
}

}  // namespace

int main(int argc, char** argv) {
  if (argc < 4) {
    std::fprintf(stderr, "usage: %s NUM CONCURRENCY PROGRAM [ARGUMENT...] | --lines FILE CONCURRENCY\n", argv[0]);
    return 2;
  }
  const bool has_lines = std::string_view(argv[1]) == "--lines";
  const std::vector<Command> commands = has_lines ? read_lines(argv[2]) : std::vector<Command>{{argv + 3, argv + argc}};
  const std::size_t num = has_lines ? commands.size() : std::strtoul(argv[1], nullptr, 10);
  const std::size_t concurrency = std::strtoul(has_lines ? argv[3] : argv[2], nullptr, 10);
  const auto begin = std::chrono::steady_clock::now();
  std::size_t started = 0;
  for (std::size_t ended = 0; ended < num; ++ended) {
    for (; started < num && started - ended < concurrency; ++started)
      if (!start(commands[started % commands.size()])) return 1;
    if (::wait(nullptr) < 0) return 1;
  }
  const std::chrono::duration<double> seconds = std::chrono::steady_clock::now() - begin;
  std::printf("%.3f\n", seconds.count());
}
