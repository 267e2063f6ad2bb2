// Runs worlds by their seeds.
//
//   simulate [--seeds FIRST COUNT]   runs a range; at a failure prints how to see it, and ends with 1
//   simulate --seed N                runs one and prints all that happens in it
#include <chrono>
#include <cstdint>
#include <cstdio>
#include <cstdlib>
#include <exception>
#include <iostream>
#include <memory>
#include <string>
#include <vector>

#include "broken_minds.hpp"
#include "world.hpp"

namespace {

using namespace drover::simulation;

constexpr std::uint64_t kDefaultCount = 1000;
/// A range as long as this must come to everything that the worlds are there to try.
constexpr std::uint64_t kFullCoverage = 2000;
constexpr std::size_t kTail = 60;
constexpr std::uint64_t kMostFailures = 5;

struct Options {
  std::uint64_t first = 1;
  std::uint64_t count = kDefaultCount;
  bool is_single = false;
  std::string mind = "sound";
};

Options parse(const std::vector<std::string>& arguments) {
  Options options;
  for (std::size_t i = 0; i < arguments.size(); ++i) {
    if (arguments[i] == "--seed") {
      options.first = std::stoull(arguments.at(++i));
      options.count = 1;
      options.is_single = true;
    } else if (arguments[i] == "--seeds") {
      options.first = std::stoull(arguments.at(++i));
      options.count = std::stoull(arguments.at(++i));
    } else if (arguments[i] == "--mind") {
      options.mind = arguments.at(++i);
    } else {
      throw std::invalid_argument("unknown argument " + arguments[i]);
    }
  }
  return options;
}

void print_trace(const Verdict& verdict, std::size_t most) {
  const std::size_t skipped = verdict.trace.size() > most ? verdict.trace.size() - most : 0;
  for (std::size_t i = skipped; i < verdict.trace.size(); ++i) std::cout << verdict.trace[i] << '\n';
}

/// Runs it again, with a trace: a seed reproduces.
void explain(const Plan& plan, const MindFactory& mind, std::size_t most_lines) {
  Coverage coverage;
  const Verdict verdict = run_world(plan, mind, coverage, true);
  print_trace(verdict, most_lines);
  std::cout << "seed " << plan.seed << ": " << describe(plan) << '\n'
            << (verdict.is_sound() ? "sound" : verdict.violation) << " after " << verdict.num_steps << " steps\n";
}

int run(const Options& options) {
  const MindFactory mind = mind_named(options.mind);
  Coverage coverage;
  std::uint64_t num_failures = 0;
  std::uint64_t num_worlds = 0;
  std::uint64_t num_steps = 0;
  for (; num_worlds < options.count && num_failures < kMostFailures; ++num_worlds) {
    const std::uint64_t seed = options.first + num_worlds;
    const Plan plan = draw_plan(seed);
    const Verdict verdict = run_world(plan, mind, coverage, false);
    num_steps += verdict.num_steps;
    if (verdict.is_sound() && !options.is_single) continue;
    explain(plan, mind, options.is_single ? SIZE_MAX : kTail);
    if (verdict.is_sound()) continue;
    std::cout << "to see it: simulate --seed " << seed << "\n\n";
    ++num_failures;
  }
  if (options.is_single) return num_failures > 0 ? 1 : 0;

  std::cout << num_worlds << " worlds from seed " << options.first << ", " << num_steps << " steps, " << num_failures
            << " failures\n";
  for (const auto& [what, times] : coverage.counts()) std::cout << "  " << what << ": " << times << '\n';
  if (num_worlds < kFullCoverage) return num_failures > 0 ? 1 : 0;
  for (const char* what : kExpectedCoverage)
    if (coverage[what] == 0) {
      std::cout << "never came to: " << what << '\n';
      ++num_failures;
    }
  return num_failures > 0 ? 1 : 0;
}

}  // namespace

int main(int argc, char** argv) {
  try {
    return run(parse(std::vector<std::string>(argv + 1, argv + argc)));
  } catch (const std::exception& e) {
    std::cerr << "simulate: " << e.what() << "\nusage: simulate [--seeds FIRST COUNT | --seed N] [--mind NAME]\n";
    return 2;
  }
}
