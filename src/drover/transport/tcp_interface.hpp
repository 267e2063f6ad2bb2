// Which network MPI is to use for messages over TCP.
#pragma once

namespace drover::transport {

/// While it lives, an MPI that is initialised uses one network interface, unless somebody chose by
/// btl_tcp_if_include or btl_tcp_if_exclude (mpirun --mca, environment, or a file of parameters).
/// Afterwards the environment is as before: what this process starts may run on hosts whose interfaces
/// have other names.
///
/// Left alone, Open MPI stripes messages over all interfaces that two processes have in common by their
/// netmasks. Bridges of containers look alike on every host and lead nowhere: with a docker0 beside
/// eth0, the second message between a master and a group that came later was never delivered (4.1.4).
class TcpInterfaceChoice {
 public:
  TcpInterfaceChoice();
  ~TcpInterfaceChoice();
  TcpInterfaceChoice(const TcpInterfaceChoice&) = delete;
  TcpInterfaceChoice& operator=(const TcpInterfaceChoice&) = delete;

 private:
  bool is_ours_ = false;
};

}  // namespace drover::transport
