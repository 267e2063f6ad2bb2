// What the farm makes of N tasks of a function: `functions_farm [drover's options] empty|chunks|spin|single N
// [MICROSECONDS]`. Prints tasks a second, the share of the workers' time that went into tasks, or the latency of a
// task.
#include <algorithm>
#include <chrono>
#include <cstdio>
#include <cstdlib>
#include <drover/farm.hpp>
#include <string>

namespace {

using Clock = std::chrono::steady_clock;

double seconds_since(Clock::time_point begin) {
  return std::chrono::duration<double>(Clock::now() - begin).count();
}

int spin(int microseconds) {
  const auto end = Clock::now() + std::chrono::microseconds(microseconds);
  while (Clock::now() < end) {
  }
  return microseconds;
}

void print_single(std::vector<double>& latencies) {
  std::sort(latencies.begin(), latencies.end());
  std::printf("%.0f us median, %.0f us 99th percentile\n", latencies[latencies.size() / 2] * 1e6,
              latencies[latencies.size() * 99 / 100] * 1e6);
}

}  // namespace

int main(int argc, char** argv) {
  drover::Farm farm(argc, argv);
  const auto empty = farm.task("empty", [](int x) { return x; });
  const auto spinning = farm.task("spin", spin);
  const std::string mode = argc > 1 ? argv[1] : "empty";
  const int num = argc > 2 ? std::atoi(argv[2]) : 10'000;
  const int microseconds = argc > 3 ? std::atoi(argv[3]) : 1000;

  return farm.run([&](drover::Session& session) -> int {
    session.submit(empty, 0).get();  // the workers are there
    const auto begin = Clock::now();
    if (mode == "single") {
      std::vector<double> latencies;
      for (int i = 0; i < num; ++i) {
        const auto submitted = Clock::now();
        session.submit(empty, i).get();
        latencies.push_back(seconds_since(submitted));
      }
      print_single(latencies);
    } else if (mode == "spin") {
      for (auto& result :
           session.map(spinning, std::views::iota(0, num) | std::views::transform([&](int) { return microseconds; })))
        result.get();
      std::printf("%.4f s for %.4f s of work\n", seconds_since(begin), num * microseconds * 1e-6);
    } else if (mode == "chunks") {
      constexpr int kChunk = 1000;
      long sum = 0;
      for (auto& chunk : session.map_chunks(empty, std::views::iota(0, num), kChunk))
        for (const int result : chunk.get()) sum += result;
      if (sum != long{num} * (num - 1) / 2) return 1;
      std::printf("%.0f /s\n", num / seconds_since(begin));
    } else {
      for (auto& result : session.map(empty, std::views::iota(0, num))) result.get();
      std::printf("%.0f /s\n", num / seconds_since(begin));
    }
    return 0;
  });
}
