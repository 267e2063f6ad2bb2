#include "drover/transport/mpi_error.hpp"

#include <mpi.h>

#include <array>

#include "drover/support/error.hpp"

namespace drover::transport {

std::string mpi_message(int code) {
  std::array<char, MPI_MAX_ERROR_STRING> text{};
  int length = 0;
  if (MPI_Error_string(code, text.data(), &length) != MPI_SUCCESS) return "MPI error " + std::to_string(code);
  return {text.data(), static_cast<std::size_t>(length)};
}

void check_mpi(int code, const char* call) {
  if (code != MPI_SUCCESS) throw Error(std::string(call) + " failed: " + mpi_message(code));
}

}  // namespace drover::transport
