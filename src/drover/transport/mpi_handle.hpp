// MPI's own handles with owners. Internal to the transport: with the lanes, the only headers here with mpi.h in them.
#pragma once

#include <mpi.h>

#include "drover/transport/group_link.hpp"

namespace drover::transport {

struct GroupLink::Handle {
  /// Takes over `owned`, whose errors are returned from now on.
  explicit Handle(MPI_Comm owned);
  Handle(const Handle&) = delete;
  Handle& operator=(const Handle&) = delete;
  ~Handle();

  MPI_Comm comm;
};

}  // namespace drover::transport
