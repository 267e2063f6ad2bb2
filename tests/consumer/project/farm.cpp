// A program with a task of its own, out of an installed drover.
#include <drover/farm.hpp>

int main(int argc, char** argv) {
  drover::Farm farm(argc, argv);
  const auto square = farm.task("square", [](int x) { return x * x; });
  return farm.run([&](drover::Session& session) { return session.submit(square, 7).get() == 49 ? 0 : 1; });
}
