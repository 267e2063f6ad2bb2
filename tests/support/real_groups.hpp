// Groups of real processes, for tests and measurements of the transport: a program that starts itself
// under mpirun (with an ompi-server) as the master, and again as the members of groups.
#pragma once

#include <sys/types.h>

#include <filesystem>
#include <functional>
#include <optional>
#include <set>
#include <string>
#include <vector>

#include "drover/runtime/child_process.hpp"
#include "drover/runtime/launcher.hpp"
#include "drover/transport/mpi_groups.hpp"
#include "drover/transport/mpi_transport.hpp"

namespace drover::test {

/// False when the condition has not come true within half a minute.
bool wait_until(const std::function<bool()>& condition);

struct Group {
  transport::Address first;
  std::vector<transport::Address> members;
  std::set<pid_t> pids;

  [[nodiscard]] bool is_gone() const;
};

/// A group with an mpirun of its own, on its way to `port`.
class Joining {
 public:
  explicit Joining(int population);
  ~Joining();
  Joining(const Joining&) = delete;
  Joining& operator=(const Joining&) = delete;

  [[nodiscard]] const std::string& port() const { return port_.name(); }
  [[nodiscard]] bool has_ended();
  [[nodiscard]] const runtime::ChildProcess& launcher() const { return *launcher_; }

 private:
  std::filesystem::path port_file_;
  transport::ListeningPort port_;
  runtime::MpirunCommand command_;
  std::optional<runtime::ChildProcess> launcher_;
};

/// The master's end. One a process.
class RealMaster {
 public:
  [[nodiscard]] transport::MpiTransport& transport() { return transport_; }

  [[nodiscard]] static transport::GroupArrival spawn(int population);
  /// Waits for the group and for each of its members to say hello. Throws Error when that takes too long.
  [[nodiscard]] Group form(transport::GroupArrival& arrival);
  /// Sends a message to each member and takes it back; "leave" has them leave. Throws Error likewise.
  void echo(const Group& group, const std::string& message);
  /// The next message, of whomever; none when none comes.
  [[nodiscard]] std::optional<transport::Received> next_message();

 private:
  transport::MpiSession mpi_{transport::Threading::any_thread};
  transport::MpiTransport transport_{mpi_, transport::Address(1)};
  std::uint32_t next_address_ = 1;
};

[[nodiscard]] std::string text(const transport::Received& received);

/// The whole of main(): runs `run_master` under an mpirun of its own and returns what it returns, which
/// mpirun would not; or is a member.
int run_real_ranks(int argc, char** argv, const std::function<int(RealMaster&)>& run_master);

}  // namespace drover::test
