#include "drover/runtime/sealed_command.hpp"

#include <sys/wait.h>

#include <algorithm>
#include <array>
#include <cstdio>
#include <cstdlib>
#include <string>
#include <vector>

#include "drover/runtime/launcher.hpp"
#include "drover/support/shell_quote.hpp"
#include "support/catch.hpp"

using namespace drover::runtime;

namespace {

using Words = std::vector<std::string>;

/// What the words print when a launcher executes them.
std::string output_of(const Words& words) {
  std::string line = "exec";
  for (const std::string& word : words) line += " " + drover::support::shell_quote(word);
  std::FILE* pipe = ::popen(line.c_str(), "r");
  REQUIRE(pipe != nullptr);
  std::string output;
  std::array<char, 65536> buffer{};
  for (std::size_t num = 0; (num = std::fread(buffer.data(), 1, buffer.size(), pipe)) > 0;)
    output.append(buffer.data(), num);
  CHECK(::pclose(pipe) == 0);
  return output;
}

/// Prints its arguments, each with a line that it cannot contain.
Words printing(const Words& arguments) {
  Words command{"/usr/bin/printf", "%s\n--|--\n"};
  command.insert(command.end(), arguments.begin(), arguments.end());
  return command;
}

std::string printed(const Words& arguments) {
  std::string text;
  for (const std::string& argument : arguments) text += argument + "\n--|--\n";
  return text;
}

/// Words that mpirun, srun or a shell would take for theirs, and every byte that a word can have.
Words hostile_words() {
  Words words{":",    "--",       "",    "-n",       "--mca",     "x",     "{}", "it's", "a b", "$(exit 3)",
              "`:`",  "\\",       "\"",  "a\nb",     "--prtemca", "[a,b]", "*",  "~",    "a=b", "%s",
              "\xff", "\x81\x88", ": :", "-x PATH=", "#",         ";",     "&&", "!"};
  for (int byte = 1; byte < 256; ++byte) words.emplace_back(1, static_cast<char>(byte));
  return words;
}

struct Variable {
  const char* name;
  Variable(const char* variable, const char* value) : name(variable) { ::setenv(name, value, 1); }
  ~Variable() { ::unsetenv(name); }
  Variable(const Variable&) = delete;
  Variable& operator=(const Variable&) = delete;
};

}  // namespace

TEST_CASE("the words of a sealed command arrive as they are") {
  const Words words = hostile_words();
  CHECK(output_of(SealedCommand(printing(words)).words()) == printed(words));
  CHECK(output_of(sealed_words(printing(words))) == printed(words));
}

TEST_CASE("a launcher sees no word of a sealed command") {
  const Words words = hostile_words();
  const SealedCommand sealed(printing(words));
  for (const Words& seen : {sealed.words(), sealed_words(printing(words))})
    for (const std::string& word : words)
      if (word != "-c") CHECK(std::find(seen.begin(), seen.end(), word) == seen.end());
}

TEST_CASE("a long command is sealed in words of which each can be executed, and none is a colon") {
  constexpr std::size_t kMostWordBytes = 131'072 - 1;
  Words words;
  for (int i = 0; i < 100'000; ++i) words.emplace_back(":");
  for (std::size_t length = 0; length < 4; ++length) {  // words of the launcher begin at other places of a colon
    words.front() = std::string(length, 'x');
    const Words seen = sealed_words(printing(words));
    for (const std::string& word : seen) CHECK(word.size() <= kMostWordBytes);
    CHECK(std::find(seen.begin(), seen.end(), ":") == seen.end());
  }
}

TEST_CASE("variables that a shell drops reach a sealed command") {
  const Variable function("BASH_FUNC_greet%%", "() { echo 'hi'; }");
  const Variable dotted("with.dot", "a b");
  const Variable separator("IFS", "x");
  const SealedCommand sealed({"/usr/bin/env"});
  for (const Words& words : {sealed.words(), sealed_words({"/usr/bin/env"})}) {
    const std::string environment = "\n" + output_of(words);
    CHECK(environment.find("\nBASH_FUNC_greet%%=() { echo 'hi'; }\n") != std::string::npos);
    CHECK(environment.find("\nwith.dot=a b\n") != std::string::npos);
    CHECK(environment.find("\nIFS=x\n") != std::string::npos);
  }
}

TEST_CASE("a program whose path has an equals sign is executed also with variables that a shell drops") {
  const Variable dotted("with.dot", "1");
  std::array<char, 32> directory{"/tmp/sealed=XXXXXX"};
  REQUIRE(::mkdtemp(directory.data()) != nullptr);
  const std::string program = std::string(directory.data()) + "/printf";
  REQUIRE(::system(("ln -s /usr/bin/printf " + program).c_str()) == 0);
  CHECK(output_of(SealedCommand({program, "%s", "as it is"}).words()) == "as it is");
  REQUIRE(::system(("rm -r " + std::string(directory.data())).c_str()) == 0);
}

TEST_CASE("mpirun is told no argument of the program that it starts") {
  FarmLaunch here;
  here.program = "/usr/bin/drover";
  here.args = {"run", ":", "x"};
  FarmLaunch there = here;
  there.hosts = {{"a", 1, {"run", ":", "x"}}, {"b", 1, {"run", ":", "x"}}};
  GroupLaunch group;
  group.program = "/usr/bin/drover";
  group.args = {"worker-rank", "--", ":"};
  for (const Words& words : {mpirun_command(here).words, mpirun_command(there).words, mpirun_command(group).words})
    CHECK(std::find(words.begin(), words.end(), ":") == words.end());
}
