// MPI from start to end: initialised once by the main thread, which alone calls MPI, but for the calls
// that bring in groups on the master (mpi_groups.hpp).
#pragma once

#include <memory>
#include <string>

namespace drover::transport {

/// What the MPI job that this process was started in survives, and how to have it survive more.
struct LossProtection {
  bool survives_process_death = false;
  std::string explanation;  ///< one line for people; names the flag to add when there is one
};

enum class Threading {
  main_thread,  ///< for workers
  any_thread,   ///< for a master that lets groups in; falls back to main_thread where MPI cannot
};

/// Owns MPI's initialisation. Finalizes in its destructor unless abandoned.
class MpiSession {
 public:
  /// Throws drover::Error when MPI cannot be initialised.
  explicit MpiSession(Threading threading);
  ~MpiSession();
  MpiSession(const MpiSession&) = delete;
  MpiSession& operator=(const MpiSession&) = delete;

  [[nodiscard]] int rank() const;
  [[nodiscard]] int size() const;
  /// The name of this node as MPI has it.
  [[nodiscard]] std::string host() const;

  /// MPI is not to be finalized: that would wait for processes or calls that never end. This process
  /// must then end by _exit().
  void abandon() { is_abandoned_ = true; }

 private:
  struct State;
  std::unique_ptr<State> state_;
  bool is_abandoned_ = false;
};

/// Whether this process was started by an MPI launcher (mpirun, srun --mpi=pmix); needs no MpiSession.
[[nodiscard]] bool is_started_by_launcher();

/// The rank that the launcher gave this process; 0 without a launcher. Needs no MpiSession.
[[nodiscard]] int launcher_rank();

/// Whether ranks of this MPI job are on another host than its mpirun, or this one is (Open MPI 4). Needs no MpiSession.
[[nodiscard]] bool spans_hosts();

/// What is wrong with the rank that the environment has for this process; empty: nothing. Needs no MpiSession.
[[nodiscard]] std::string launcher_fault();

/// What this start of MPI survives. Needs no MpiSession.
[[nodiscard]] LossProtection loss_protection();

/// The library's own name and version, such as "Open MPI 4.1.4". Needs no MpiSession.
[[nodiscard]] std::string mpi_version();
/// The Boost version that the transport was built with, such as "1.74.0".
[[nodiscard]] std::string boost_version();
/// Whether the MPI library is Open MPI 5 or later, whose runtime is PRRTE.
[[nodiscard]] bool is_open_mpi_5();

}  // namespace drover::transport
