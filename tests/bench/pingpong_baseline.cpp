// A bare MPI master that sends each worker a number, waits for the answer and sends the next: what MPI
// alone can do of one-at-a-time dispatch. `mpirun -n WORKERS+1 pingpong_baseline N`. Prints a rate.
#include <mpi.h>

#include <cstdio>
#include <cstdlib>

namespace {

constexpr int kStop = -1;

void serve() {
  for (int number = 0;;) {
    MPI_Recv(&number, 1, MPI_INT, 0, 0, MPI_COMM_WORLD, MPI_STATUS_IGNORE);
    if (number == kStop) return;
    MPI_Send(&number, 1, MPI_INT, 0, 0, MPI_COMM_WORLD);
  }
}

void command(int num_tasks, int num_workers) {
  const double begin = MPI_Wtime();
  int num_sent = 0;
  for (int worker = 1; worker <= num_workers; ++worker, ++num_sent)
    MPI_Send(&num_sent, 1, MPI_INT, worker, 0, MPI_COMM_WORLD);
  for (int num_back = 0; num_back < num_tasks; ++num_back) {
    int number = 0;
    MPI_Status status;
    MPI_Recv(&number, 1, MPI_INT, MPI_ANY_SOURCE, 0, MPI_COMM_WORLD, &status);
    if (num_sent < num_tasks) {
      MPI_Send(&num_sent, 1, MPI_INT, status.MPI_SOURCE, 0, MPI_COMM_WORLD);
      ++num_sent;
    }
  }
  std::printf("%.0f /s\n", num_tasks / (MPI_Wtime() - begin));
  for (int worker = 1; worker <= num_workers; ++worker) MPI_Send(&kStop, 1, MPI_INT, worker, 0, MPI_COMM_WORLD);
}

}  // namespace

int main(int argc, char** argv) {
  MPI_Init(&argc, &argv);
  int rank = 0;
  int size = 0;
  MPI_Comm_rank(MPI_COMM_WORLD, &rank);
  MPI_Comm_size(MPI_COMM_WORLD, &size);
  if (rank == 0)
    command(argc > 1 ? std::atoi(argv[1]) : 10'000, size - 1);
  else
    serve();
  MPI_Finalize();
}
