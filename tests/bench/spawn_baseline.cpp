// The bare limit: how fast this machine starts and reaps a program with nothing in between.
// usage: spawn_baseline NUM CONCURRENCY PROGRAM [ARGUMENT...]
#include <spawn.h>
#include <sys/wait.h>
#include <unistd.h>

#include <chrono>
#include <cstdio>
#include <cstdlib>

int main(int argc, char** argv) {
  if (argc < 4) {
    std::fprintf(stderr, "usage: %s NUM CONCURRENCY PROGRAM [ARGUMENT...]\n", argv[0]);
    return 2;
  }
  const long num = std::atol(argv[1]);
  const long concurrency = std::atol(argv[2]);
  const auto begin = std::chrono::steady_clock::now();
  long started = 0;
  for (long ended = 0; ended < num; ++ended) {
    while (started < num && started - ended < concurrency) {
      pid_t pid = 0;
      if (::posix_spawn(&pid, argv[3], nullptr, nullptr, argv + 3, environ) != 0) return 1;
      ++started;
    }
    if (::wait(nullptr) < 0) return 1;
  }
  const std::chrono::duration<double> seconds = std::chrono::steady_clock::now() - begin;
  std::printf("%.0f commands a second\n", static_cast<double>(num) / seconds.count());
}
