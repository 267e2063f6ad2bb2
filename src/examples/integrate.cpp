// Numerical integration: an interval cut in pieces, a task for each, and the sum of what they give.
//
//     integrate [-j WORKERS] [PIECES]
#include <cmath>
#include <cstdio>
#include <cstdlib>
#include <drover/farm.hpp>

namespace {

struct Interval {
  double begin = 0;
  double end = 0;

  template <class Archive>
  void serialize(Archive& ar, unsigned) {
    ar& begin& end;
  }
};

/// Simpson's rule for 4 / (1 + x^2), whose integral from 0 to 1 is pi.
double integral_over(const Interval& interval) {
  constexpr int kSteps = 1000;
  const auto f = [](double x) { return 4 / (1 + x * x); };
  const double h = (interval.end - interval.begin) / kSteps;
  double sum = f(interval.begin) + f(interval.end);
  for (int i = 1; i < kSteps; ++i) sum += f(interval.begin + i * h) * (i % 2 == 0 ? 2 : 4);
  return sum * h / 3;
}

}  // namespace

int main(int argc, char** argv) {
  drover::Farm farm(argc, argv);
  const auto integrate = farm.task("integrate", integral_over);
  const int num_pieces = argc > 1 ? std::atoi(argv[1]) : 10'000;

  return farm.run([&](drover::Session& session) {
    const auto piece = [=](int i) { return Interval{double(i) / num_pieces, double(i + 1) / num_pieces}; };
    double sum = 0;
    for (auto& part : session.map(integrate, std::views::iota(0, num_pieces) | std::views::transform(piece)))
      sum += part.get();
    std::printf("%.12f\n", sum);
    return std::abs(sum - M_PI) < 1e-9 ? 0 : 1;
  });
}
