// The bare limit for a new group: MPI_Comm_spawn of some ranks, until each has said a word.
// usage: mpirun -n 1 group_baseline POPULATION ROUNDS
#include <mpi.h>
#include <unistd.h>

#include <chrono>
#include <cstdio>
#include <cstdlib>
#include <string>
#include <vector>

namespace {

double spawn_once(const char* program, int population) {
  const auto begin = std::chrono::steady_clock::now();
  MPI_Comm group = MPI_COMM_NULL;
  std::string argument = "member";
  std::vector<char*> arguments{argument.data(), nullptr};
  MPI_Comm_spawn(program, arguments.data(), population, MPI_INFO_NULL, 0, MPI_COMM_SELF, &group, MPI_ERRCODES_IGNORE);
  for (int i = 0; i < population; ++i) {
    int word = 0;
    MPI_Recv(&word, 1, MPI_INT, MPI_ANY_SOURCE, 0, group, MPI_STATUS_IGNORE);
  }
  const std::chrono::duration<double> seconds = std::chrono::steady_clock::now() - begin;
  MPI_Comm_disconnect(&group);
  return seconds.count();
}

}  // namespace

int main(int argc, char** argv) {
  MPI_Init(&argc, &argv);
  MPI_Comm parent = MPI_COMM_NULL;
  MPI_Comm_get_parent(&parent);
  if (parent != MPI_COMM_NULL) {
    const int word = 1;
    MPI_Send(&word, 1, MPI_INT, 0, 0, parent);
    MPI_Comm_disconnect(&parent);
    MPI_Finalize();
    return 0;
  }
  const int population = argc > 1 ? std::atoi(argv[1]) : 4;
  const int rounds = argc > 2 ? std::atoi(argv[2]) : 3;
  double sum = 0;
  for (int i = 0; i < rounds; ++i) {
    sum += spawn_once(argv[0], population);
    ::sleep(2);  // Open MPI 4.1 hangs in a spawn right after a disconnect
  }
  std::printf("%.3f\n", sum / rounds);
  MPI_Finalize();
}
