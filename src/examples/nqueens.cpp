// N queens by tasks that make tasks: a board with some queens placed is split into those with one more,
// until few enough rows are left to count in one go. A task that waits for those that it made leaves its
// slot to them.
//
//     nqueens [-j WORKERS] [N]
#include <cstdint>
#include <cstdio>
#include <cstdlib>
#include <drover/farm.hpp>
#include <numeric>

namespace {

/// Rows are filled from the first on; bits are columns.
struct Board {
  int size = 0;
  int row = 0;
  std::uint32_t columns = 0;    ///< taken
  std::uint32_t diagonals = 0;  ///< threatened in this row
  std::uint32_t antidiagonals = 0;

  template <class Archive>
  void serialize(Archive& ar, unsigned) {
    ar& size& row& columns& diagonals& antidiagonals;
  }
};

std::vector<Board> successors(const Board& board) {
  std::vector<Board> boards;
  for (int column = 0; column < board.size; ++column) {
    const std::uint32_t queen = 1U << column;
    if ((board.columns | board.diagonals | board.antidiagonals) & queen) continue;
    boards.push_back({board.size, board.row + 1, board.columns | queen, (board.diagonals | queen) << 1U,
                      (board.antidiagonals | queen) >> 1U});
  }
  return boards;
}

std::uint64_t count_here(const Board& board) {
  if (board.row == board.size) return 1;
  std::uint64_t sum = 0;
  for (const Board& next : successors(board)) sum += count_here(next);
  return sum;
}

}  // namespace

int main(int argc, char** argv) {
  constexpr int kSplitRows = 3;
  drover::Farm farm(argc, argv);
  const drover::TaskType<std::uint64_t(Board)> count("count");
  farm.task(count.name(), [count](drover::TaskContext& context, const Board& board) {
    if (board.row >= kSplitRows) return count_here(board);
    std::vector<drover::Future<std::uint64_t>> parts;
    for (const Board& next : successors(board)) parts.push_back(context.submit(count, next));
    return std::accumulate(parts.begin(), parts.end(), std::uint64_t{0},
                           [](std::uint64_t sum, const auto& part) { return sum + part.get(); });
  });
  const int size = argc > 1 ? std::atoi(argv[1]) : 10;

  return farm.run([&](drover::Session& session) {
    const std::uint64_t num = session.submit(count, Board{.size = size}).get();
    std::printf("%d queens: %llu solutions\n", size, static_cast<unsigned long long>(num));
  });
}
