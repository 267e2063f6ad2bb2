#include "drover/control/task_ranges.hpp"

#include "support/catch.hpp"

using drover::control::disjoint;
using drover::control::TaskRange;
using drover::core::TaskId;

namespace {

TaskRange range(std::uint64_t first, std::uint64_t last) {
  return {TaskId(first), TaskId(last)};
}

}  // namespace

TEST_CASE("ranges that overlap or come twice have each task once") {
  CHECK(disjoint({}).empty());
  CHECK(disjoint({range(7, 7), range(7, 7), range(250, 300), range(250, 300)}) ==
        std::vector{range(7, 7), range(250, 300)});
  CHECK(disjoint({range(5, 9), range(1, 3), range(8, 12), range(2, 2)}) == std::vector{range(1, 3), range(5, 12)});
  CHECK(disjoint({range(1, 10), range(2, 3), range(4, 5)}) == std::vector{range(1, 10)});
  // The greatest number there is has none behind it.
  CHECK(disjoint({range(2, UINT64_MAX), range(1, UINT64_MAX)}) == std::vector{range(1, UINT64_MAX)});
}
