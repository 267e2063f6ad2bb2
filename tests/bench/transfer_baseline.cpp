// A bare MPI_Send of so many bytes from rank 0 to rank 1 and a word back: `mpirun -n 2 transfer_baseline BYTES ...`.
// Prints for each the median of a few: megabytes a second into memory that was not used before, as the farm has it.
#include <mpi.h>

#include <algorithm>
#include <array>
#include <cstdio>
#include <cstdlib>
#include <memory>

namespace {

constexpr std::size_t kRounds = 5;

double seconds_for(std::size_t size, int rank) {
  const std::unique_ptr<char[]> bytes(new char[size]);
  if (rank == 0) std::fill_n(bytes.get(), size, 'x');
  const int count = static_cast<int>(size);
  char word = 0;
  MPI_Barrier(MPI_COMM_WORLD);
  const double begin = MPI_Wtime();
  if (rank == 0) {
    MPI_Send(bytes.get(), count, MPI_BYTE, 1, 0, MPI_COMM_WORLD);
    MPI_Recv(&word, 1, MPI_BYTE, 1, 0, MPI_COMM_WORLD, MPI_STATUS_IGNORE);
  } else {
    MPI_Recv(bytes.get(), count, MPI_BYTE, 0, 0, MPI_COMM_WORLD, MPI_STATUS_IGNORE);
    MPI_Send(&word, 1, MPI_BYTE, 0, 0, MPI_COMM_WORLD);
  }
  return MPI_Wtime() - begin;
}

}  // namespace

int main(int argc, char** argv) {
  MPI_Init(&argc, &argv);
  int rank = 0;
  MPI_Comm_rank(MPI_COMM_WORLD, &rank);
  for (int i = 1; i < argc; ++i) {
    const std::size_t size = std::strtoull(argv[i], nullptr, 10);
    std::array<double, kRounds> seconds{};
    for (double& one : seconds) one = seconds_for(size, rank);
    std::sort(seconds.begin(), seconds.end());
    if (rank == 0) std::printf("send %zu %.1f\n", size, static_cast<double>(size) / seconds[kRounds / 2] / 1e6);
  }
  MPI_Finalize();
}
