#include "drover/cli/input/resumed_input.hpp"

#include <poll.h>

#include <algorithm>
#include <cerrno>

namespace drover::cli {

namespace {

constexpr std::uint64_t kMostInPull = 1024;
constexpr std::size_t kMostCommandShown = 60;

std::string shown(const core::TaskSpec& spec) {
  std::string text = spec.payload.substr(0, kMostCommandShown);
  std::replace_if(
      text.begin(), text.end(), [](char c) { return static_cast<unsigned char>(c) < 0x20; }, ' ');
  return "'" + text + (spec.payload.size() > kMostCommandShown ? "...'" : "'");
}

}  // namespace

runtime::TaskSource::Batch pull_waiting(runtime::TaskSource& source, std::uint64_t max) {
  for (;;) {
    runtime::TaskSource::Batch batch = source.pull(std::min(max, kMostInPull));
    if (!batch.tasks.empty() || batch.state != runtime::TaskSource::State::would_block) return batch;
    pollfd polled{source.wait_fd(), POLLIN, 0};
    while (::poll(&polled, 1, -1) < 0 && errno == EINTR) {
    }
  }
}

PassedOver pass_over(runtime::TaskSource& source, std::uint64_t num_tasks) {
  PassedOver passed;
  while (passed.num_tasks < num_tasks && !passed.is_at_end) {
    const runtime::TaskSource::Batch batch = pull_waiting(source, num_tasks - passed.num_tasks);
    for (const core::TaskSpec& spec : batch.tasks) passed.fingerprint.add(spec);
    passed.num_tasks += batch.tasks.size();
    passed.is_at_end = batch.state == runtime::TaskSource::State::end;
  }
  return passed;
}

std::string first_difference(runtime::TaskSource& source,
                             const std::function<std::optional<core::TaskSpec>()>& next_known) {
  std::uint64_t number = 0;
  for (bool is_at_end = false;;) {
    const runtime::TaskSource::Batch batch =
        is_at_end ? runtime::TaskSource::Batch{} : pull_waiting(source, kMostInPull);
    is_at_end = is_at_end || batch.state == runtime::TaskSource::State::end;
    for (const core::TaskSpec& spec : batch.tasks) {
      ++number;
      const std::optional<core::TaskSpec> known = next_known();
      if (!known) return "";
      if (!(*known == spec))
        return "task " + std::to_string(number) + " was " + shown(*known) + " and is " + shown(spec);
    }
    if (!is_at_end) continue;
    const std::optional<core::TaskSpec> known = next_known();
    return known ? "task " + std::to_string(number + 1) + " was " + shown(*known) + " and is not there" : "";
  }
}

}  // namespace drover::cli
