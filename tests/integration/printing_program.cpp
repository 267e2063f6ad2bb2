// A program whose functions print: `printing_program [drover's options] [TASKS [LINES]]`.
#include <unistd.h>

#include <csignal>
#include <cstdio>
#include <cstdlib>
#include <drover/farm.hpp>
#include <iostream>

namespace {

/// By all the ways that there are, `num` times.
int talk(int task, int num) {
  const std::string name = std::to_string(task);
  for (int i = 0; i < num; ++i) {
    std::printf("C %s\n", name.c_str());
    std::cout << "C++ " << name << '\n';
    std::fprintf(stderr, "error %s\n", name.c_str());
    std::cerr << "last error " << name << '\n';
  }
  return task;
}

int call_child(int task) {
  (void)!std::system(("echo child " + std::to_string(task)).c_str());
  return task;
}

int print_and_die(int task) {
  std::printf("dies %d\n", task);
  ::signal(SIGSEGV, SIG_DFL);
  ::raise(SIGSEGV);
  return task;
}

}  // namespace

int main(int argc, char** argv) {
  drover::Farm farm(argc, argv);
  const auto talking = farm.task("talk", talk);
  const auto child = farm.task("child", call_child);
  const auto dying = farm.task("die", print_and_die);
  farm.on_worker_start([] {
    std::cout << "a worker starts\n";
    return 1;
  });
  const int num_tasks = argc > 1 ? std::atoi(argv[1]) : 1;
  const int num_lines = argc > 2 ? std::atoi(argv[2]) : 1;

  return farm.run([&](drover::Session& session) {
    for (int i = 0; i < num_tasks; ++i)
      (void)session.submit({.label = "talk " + std::to_string(i)}, talking, i, num_lines);
    session.wait_all();
    (void)session.submit({.label = "child 7"}, child, 7).get();
    if (std::getenv("DIES") != nullptr) session.submit(dying, 8).wait();
    std::puts("the session ends");
  });
}
