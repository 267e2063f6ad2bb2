#include "drover/transport/group_link.hpp"

#include <utility>

#include "drover/transport/mpi_error.hpp"
#include "drover/transport/mpi_handle.hpp"

namespace drover::transport {

GroupLink::Handle::Handle(MPI_Comm owned) : comm(owned) {
  check_mpi(MPI_Comm_set_errhandler(comm, MPI_ERRORS_RETURN), "MPI_Comm_set_errhandler");
}

GroupLink::Handle::~Handle() {
  int is_finalized = 0;
  MPI_Finalized(&is_finalized);
  if (is_finalized == 0) MPI_Comm_free(&comm);
}

GroupLink::GroupLink(std::unique_ptr<Handle> handle) : handle_(std::move(handle)) {}
GroupLink::GroupLink(GroupLink&&) noexcept = default;
GroupLink& GroupLink::operator=(GroupLink&&) noexcept = default;
GroupLink::~GroupLink() = default;

int GroupLink::num_members() const {
  int num = 0;
  check_mpi(MPI_Comm_remote_size(handle_->comm, &num), "MPI_Comm_remote_size");
  return num;
}

}  // namespace drover::transport
