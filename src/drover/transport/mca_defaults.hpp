// What drover has MPI do where nobody chose otherwise.
#pragma once

#include <string>
#include <vector>

namespace drover::transport {

/// While it lives, an MPI that is initialised has these parameters of Open MPI, unless somebody chose others
/// (mpirun --mca, environment, or a file of parameters). Afterwards the environment is as before: what this
/// process starts may be an MPI program of its own, on hosts whose interfaces have other names.
///
/// - One network interface. Left alone, Open MPI stripes messages over all interfaces that two processes have
///   in common by their netmasks. Bridges of containers look alike on every host and lead nowhere: with a
///   docker0 beside eth0, the second message between a master and a group that came later was never
///   delivered (4.1.4).
/// - No reading in the memory of other ranks. In a container the kernel forbids it, and Open MPI says so on
///   standard error with each large message: in the middle of what tasks print (4.1.4).
class McaDefaults {
 public:
  McaDefaults();
  ~McaDefaults();
  McaDefaults(const McaDefaults&) = delete;
  McaDefaults& operator=(const McaDefaults&) = delete;

 private:
  void set(const std::string& parameter, const std::string& value);

  std::vector<std::string> variables_;  ///< that were set
};

}  // namespace drover::transport
