// A program whose words are data: `words_program [drover's options] -- WORD...` prints the words that the session and
// every worker have, once two workers have come.

#include <unistd.h>

#include <cstdio>
#include <drover/farm.hpp>
#include <map>
#include <string>
#include <thread>
#include <vector>

namespace {

/// The process, and its words in brackets.
std::pair<int, std::string> words_here(const std::string& words) {
  std::this_thread::sleep_for(std::chrono::milliseconds(20));
  return {static_cast<int>(::getpid()), words};
}

}  // namespace

int main(int argc, char** argv) {
  drover::Farm farm(argc, argv);
  std::string words;
  for (int i = 1; i < argc; ++i) words += std::string("[") + argv[i] + "]";
  const auto ask = farm.task("ask", [words] { return words_here(words); });
  return farm.run([&](drover::Session& session) {
    std::printf("session %s\n", words.c_str());
    std::map<int, std::string> workers;
    while (workers.size() < 2) {
      std::vector<drover::Future<std::pair<int, std::string>>> answers;
      for (int i = 0; i < 4; ++i) answers.push_back(session.submit(ask));  // more than one worker takes
      for (auto& answer : answers) workers.insert(answer.get());
    }
    for (const auto& [pid, seen] : workers) std::printf("worker %s\n", seen.c_str());
  });
}
