// How fast the farm moves bytes: `transfer_farm [drover's options] argument|result|broadcast BYTES ...`, any number of
// pairs. Prints for each the median of a few: megabytes a second from submit() to get(), with one worker warm.
#include <algorithm>
#include <array>
#include <chrono>
#include <cstdio>
#include <cstdlib>
#include <drover/farm.hpp>
#include <string>

namespace {

using Clock = std::chrono::steady_clock;

constexpr std::size_t kRounds = 5;

}  // namespace

int main(int argc, char** argv) {
  drover::Farm farm(argc, argv);
  const auto measure = farm.task("measure", [](const std::string& bytes) { return bytes.size(); });
  const auto make = farm.task("make", [](std::size_t size) { return std::string(size, 'x'); });
  const auto see = farm.task("see", [](drover::TaskContext& context, const drover::Broadcast<std::string>& value) {
    return context.get(value).size();
  });

  return farm.run([&](drover::Session& session) -> int {
    session.submit(make, std::size_t{1}).get();  // the worker is there
    for (int i = 1; i + 1 < argc; i += 2) {
      const std::string what = argv[i];
      const std::size_t size = std::strtoull(argv[i + 1], nullptr, 10);
      std::array<double, kRounds> seconds{};
      for (std::size_t round = 0; round < kRounds; ++round) {
        const std::string bytes(what == "result" ? 0 : size, static_cast<char>('a' + round));
        std::size_t num_moved = 0;
        const auto begin = Clock::now();
        if (what == "argument") num_moved = session.submit(measure, bytes).get();
        if (what == "result") num_moved = session.submit(make, size).get().size();
        if (what == "broadcast") {
          const auto value = session.broadcast(bytes);
          num_moved = session.submit(see, value).get();
        }
        seconds[round] = std::chrono::duration<double>(Clock::now() - begin).count();
        if (num_moved != size) return 1;
      }
      std::sort(seconds.begin(), seconds.end());
      std::printf("%s %zu %.1f\n", what.c_str(), size, static_cast<double>(size) / seconds[kRounds / 2] / 1e6);
      std::fflush(stdout);
    }
    return 0;
  });
}
