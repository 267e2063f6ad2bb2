// A program that makes the mistake that it is told to: `broken_program [drover's options] MISTAKE`.
#include <sys/stat.h>
#include <unistd.h>

#include <csignal>
#include <cstdio>
#include <cstdlib>
#include <drover/farm.hpp>
#include <iostream>
#include <stdexcept>

extern "C" int PMPI_Finalize();

/// In place of MPI's: with SLOW_FINALIZE it never ends, as when a process is dead that it waits for.
extern "C" int MPI_Finalize() {
  while (std::getenv("SLOW_FINALIZE") != nullptr) ::pause();
  return PMPI_Finalize();
}

namespace {

/// The first process that executes it dies.
int die_once(const std::string& mark) {
  if (::mkdir(mark.c_str(), 0700) == 0) ::kill(::getpid(), SIGKILL);
  return 0;
}

void make(const std::string& mistake, drover::Session& session, const drover::TaskType<int(int)>& square,
          const drover::TaskType<int(std::string)>& once_deadly) {
  const drover::Future<int> nothing;
  const drover::Future<int> something = session.submit(square, 2);
  if (mistake == "get-nothing") (void)nothing.get();
  if (mistake == "ask-nothing") (void)nothing.is_ready();
  if (mistake == "after-nothing") (void)session.submit({.after = {nothing}}, square, 1);
  if (mistake == "wait-for-none") (void)session.wait_any(std::vector<drover::Future<int>>());
  if (mistake == "throw-number") throw 5;
  if (mistake == "throw-words") throw "some words";
  if (mistake == "throw-exception") throw std::runtime_error("my own failure");
  if (mistake == "lose-a-worker") (void)session.submit(once_deadly, "died").get();
  if (mistake == "throw-then") something.then([](auto&) { throw std::runtime_error("in an action"); });
}

}  // namespace

int main(int argc, char** argv) {
  drover::Farm farm(argc, argv);
  const auto square = farm.task("square", [](int x) { return x * x; });
  const auto once_deadly = farm.task("die_once", die_once);
  const std::string mistake = argc > 1 ? argv[1] : "";

  const int status = farm.run([&](drover::Session& session) {
    std::printf("by C\n");
    std::cout << "by C++\n";
    make(mistake, session, square, once_deadly);
  });
  if (farm.is_master()) std::printf("after the run\n");
  return status;
}
