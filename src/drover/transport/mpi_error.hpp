// The one place where an MPI return code becomes an exception.
#pragma once

#include <string>

namespace drover::transport {

/// The text MPI has for a code.
[[nodiscard]] std::string mpi_message(int code);

/// Throws drover::Error naming the call unless `code` is MPI_SUCCESS.
void check_mpi(int code, const char* call);

}  // namespace drover::transport
