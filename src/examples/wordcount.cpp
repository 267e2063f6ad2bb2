// The most frequent words of files: a task counts those of one stretch of a file, and the session adds
// up what they found, in whatever order they end.
//
//     wordcount [-j WORKERS] FILE...          the files must be there on every host
#include <algorithm>
#include <cctype>
#include <cstdio>
#include <drover/farm.hpp>
#include <filesystem>
#include <fstream>
#include <stdexcept>

namespace {

constexpr std::uint64_t kStretchBytes = 256 << 10;
constexpr std::size_t kNumShown = 10;

struct Stretch {
  std::string file;
  std::uint64_t begin = 0;
  std::uint64_t end = 0;

  template <class Archive>
  void serialize(Archive& ar, unsigned) {
    ar& file& begin& end;
  }
};

using Counts = std::map<std::string, std::uint64_t>;

bool is_of_word(int c) {
  return c != EOF && std::isalnum(c) != 0;
}

/// Of the words that begin in the stretch; the last may end behind it.
Counts count_words(const Stretch& stretch) {
  std::ifstream file(stretch.file, std::ios::binary);
  if (!file) throw std::runtime_error("cannot read " + stretch.file);
  std::uint64_t position = stretch.begin;
  file.seekg(static_cast<std::streamoff>(position > 0 ? position - 1 : 0));
  bool is_within = position > 0 && is_of_word(file.get());
  Counts counts;
  std::string word;
  for (; position < stretch.end || !word.empty(); ++position) {
    const int c = file.get();
    if (is_of_word(c)) {
      if (!is_within) word += static_cast<char>(std::tolower(c));
      continue;
    }
    if (!word.empty()) ++counts[word];
    word.clear();
    is_within = false;  // of a word that began before
    if (c == EOF) break;
  }
  return counts;
}

std::vector<Stretch> stretches(const std::vector<std::string>& files) {
  std::vector<Stretch> all;
  for (const std::string& file : files) {
    const std::uint64_t size = std::filesystem::file_size(file);
    for (std::uint64_t begin = 0; begin < size; begin += kStretchBytes)
      all.push_back({std::filesystem::absolute(file), begin, std::min(begin + kStretchBytes, size)});
  }
  return all;
}

void print_most_frequent(const Counts& counts) {
  std::vector<std::pair<std::uint64_t, std::string>> ranking;
  for (const auto& [word, num] : counts) ranking.emplace_back(num, word);
  std::sort(ranking.begin(), ranking.end(),
            [](const auto& a, const auto& b) { return a.first != b.first ? a.first > b.first : a.second < b.second; });
  for (std::size_t i = 0; i < std::min(ranking.size(), kNumShown); ++i)
    std::printf("%8llu %s\n", static_cast<unsigned long long>(ranking[i].first), ranking[i].second.c_str());
}

}  // namespace

int main(int argc, char** argv) {
  drover::Farm farm(argc, argv);
  const auto count = farm.task("count_words", count_words);
  const std::vector<std::string> files(argv + 1, argv + argc);

  return farm.run([&](drover::Session& session) {
    Counts total;
    for (auto& part : session.map_unordered(count, stretches(files)))
      for (const auto& [word, num] : part.get()) total[word] += num;
    print_most_frequent(total);
  });
}
