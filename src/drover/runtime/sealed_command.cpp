#include "drover/runtime/sealed_command.hpp"

#include <sys/mman.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <cerrno>
#include <cstddef>
#include <string_view>

#include "drover/support/error.hpp"
#include "drover/support/shell_quote.hpp"

namespace drover::runtime {

namespace {

/// Below what Linux takes as one word (MAX_ARG_STRLEN).
constexpr std::size_t kMostWordBytes = 100'000;

bool is_letter(char c) {
  return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || c == '_';
}

/// Whether a shell leaves the variable to what it executes as it is.
bool is_passed_on(std::string_view name) {
  constexpr auto kReset = std::to_array<std::string_view>({"IFS", "OPTIND"});
  const auto is_digit = [](char c) { return c >= '0' && c <= '9'; };
  return !name.empty() && is_letter(name.front()) &&
         std::all_of(name.begin(), name.end(), [&](char c) { return is_letter(c) || is_digit(c); }) &&
         std::find(kReset.begin(), kReset.end(), name) == kReset.end();
}

/// Those that would be lost on the way, as `NAME=VALUE`.
std::vector<std::string_view> lost_variables() {
  std::vector<std::string_view> lost;
  for (char** entry = environ; *entry != nullptr; ++entry) {
    const std::string_view variable = *entry;
    const std::size_t end = variable.find('=');
    if (end != std::string_view::npos && end > 0 && !is_passed_on(variable.substr(0, end))) lost.push_back(variable);
  }
  return lost;
}

/// What a shell is to read. Its last character is a newline.
std::string script_of(const std::vector<std::string>& command) {
  std::string script = "exec";
  const auto add = [&script](std::string_view word) {
    script += ' ';
    support::append_quoted(script, word);
  };
  if (const std::vector<std::string_view> lost = lost_variables(); !lost.empty()) {
    add("/usr/bin/env");
    add("--");
    for (const std::string_view variable : lost) add(variable);
    // For env, a path with a `=` would be one more variable.
    if (command.front().find('=') != std::string::npos)
      for (const char* word : {"/usr/bin/nice", "-n", "0", "--"}) add(word);
  }
  for (const std::string& word : command) add(word);
  return script + '\n';
}

}  // namespace

SealedCommand::SealedCommand(const std::vector<std::string>& command)
    : script_(::memfd_create("drover command line", MFD_CLOEXEC)) {
  constexpr const char* kWhat = "cannot keep a command line in memory";
  if (!script_) throw system_error(kWhat, errno);
  const std::string script = script_of(command);
  for (std::size_t done = 0; done < script.size();) {
    const ssize_t num = ::write(script_.get(), script.data() + done, script.size() - done);
    if (num < 0 && errno != EINTR) throw system_error(kWhat, errno);
    if (num > 0) done += static_cast<std::size_t>(num);
  }
  words_ = {"/bin/sh", "/proc/" + std::to_string(::getpid()) + "/fd/" + std::to_string(script_.get())};
}

std::vector<std::string> sealed_words(const std::vector<std::string>& command) {
  std::vector<std::string> words{"/bin/sh", "-c", "IFS=; eval \"$*\"", "sh"};
  const std::string script = script_of(command);
  // None is a lone `:`, since the last ends with a newline and the others are long.
  for (std::size_t begin = 0; begin < script.size(); begin += kMostWordBytes)
    words.push_back(script.substr(begin, kMostWordBytes));
  return words;
}

}  // namespace drover::runtime
