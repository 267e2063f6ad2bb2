#include "drover/runtime/host_probe.hpp"

#include <unistd.h>

#include <chrono>
#include <cstdlib>
#include <filesystem>
#include <fstream>
#include <string>
#include <thread>

#include "drover/runtime/clock.hpp"
#include "drover/support/error.hpp"
#include "drover/transport/mpi_session.hpp"
#include "support/catch.hpp"

namespace fs = std::filesystem;
using namespace drover::runtime;
using namespace std::chrono_literals;

namespace {

constexpr auto kProbeLimit = 400ms;

/// A directory with the scripts that a test writes, and the agent among them in the environment.
class Scripts {
 public:
  Scripts() : root_(fs::temp_directory_path() / ("drover probe " + std::to_string(::getpid()))) {
    fs::create_directories(root_);
  }
  ~Scripts() {
    ::unsetenv("OMPI_MCA_plm_rsh_agent");
    fs::remove_all(root_);
    fs::remove(agent_);
  }
  Scripts(const Scripts&) = delete;
  Scripts& operator=(const Scripts&) = delete;

  /// The agent is called with a word of its own, then like ssh: HOST COMMAND.
  void use_agent(const std::string& script) {
    write(agent_, "shift\n" + script);
    ::setenv("OMPI_MCA_plm_rsh_agent", (agent_.string() + " --own-option").c_str(), 1);
  }
  std::string add_program(const std::string& script) {
    write(root_ / "drover", script);
    return (root_ / "drover").string();
  }

 private:
  static void write(const fs::path& path, const std::string& script) {
    std::ofstream(path) << "#!/bin/sh\n" << script;
    fs::permissions(path, fs::perms::owner_all);
  }

  fs::path root_;
  /// Without spaces, at which mpirun splits it.
  fs::path agent_ = fs::temp_directory_path() / ("drover-agent-" + std::to_string(::getpid()));
};

std::string version_text(const std::string& drover, const std::string& mpi) {
  return "echo 'drover " + drover + "'; echo '" + mpi + ", Boost 1.0, CLI11 1.0'";
}

/// What a drover of this version says when asked.
std::string good_version() {
  return version_text("1.2.3", drover::transport::mpi_version());
}

/// The verdict, which must come by itself soon after the limit.
std::string ask(const std::vector<std::string>& hosts, const std::string& program,
                drover::core::Duration limit = kProbeLimit) {
  HostProbe probe(hosts, {program}, "1.2.3", limit, now());
  const auto give_up = now() + limit + 20s;
  while (now() < give_up) {
    if (const auto faults = probe.poll(now())) return describe(*faults);
    std::this_thread::sleep_for(1ms);
  }
  return "no verdict";
}

constexpr const char* kRunHere = "shift; exec sh -c \"$1\"\n";

}  // namespace

TEST_CASE("a host with the same drover can be used, whatever its login prints") {
  Scripts scripts;
  scripts.use_agent(std::string("echo Welcome to $1; echo some warning >&2; ") + kRunHere);
  CHECK(ask({"node1", "node2"}, scripts.add_program(good_version())).empty());
}

TEST_CASE("a program that uses drover is asked by way of its own arguments") {
  Scripts scripts;
  scripts.use_agent(kRunHere);
  const std::string program = scripts.add_program("[ \"$*\" = '--its own --version' ] && " + good_version());
  CHECK(faults_of({{"node1"}, {program, "--its own"}, "1.2.3", 20s, now()}).empty());
}

TEST_CASE("this machine is not asked") {
  Scripts scripts;
  scripts.use_agent("exit 1");
  CHECK(ask({"localhost", "127.0.0.1"}, "/nonexistent/drover").empty());
}

TEST_CASE("each host that cannot be used is named with its reason") {
  Scripts scripts;
  scripts.use_agent(R"(
case $1 in
  unknown) echo 'Warning: something' >&2; echo "ssh: Could not resolve hostname $1: Name not known" >&2; exit 255;;
  closed) echo 'root@closed: Permission denied (publickey).' >&2; exit 255;;
  changed) echo 'Host key verification failed.' >&2; exit 255;;
  down) echo 'ssh: connect to host down port 22: No route to host' >&2; exit 255;;
  bare) exit 127;;
  crashing) kill -SEGV $$;;
  old) echo 'drover 1.2.2'; exit 0;;
  chatty) echo 'No such thing'; exit 0;;
  other) echo 'drover 1.2.3'; echo 'Open MPI 9.9.9, Boost 1.0'; exit 0;;
esac
)");
  const auto verdict = [](const std::string& host) { return ask({host}, "/opt/drover"); };
  CHECK(verdict("unknown") == "host unknown does not resolve");
  CHECK(verdict("closed") == "host closed refuses the login: root@closed: Permission denied (publickey).");
  CHECK(verdict("changed") == "host changed refuses the login: its key is not the known one, or not known here");
  CHECK(verdict("down") == "host down does not answer: ssh: connect to host down port 22: No route to host");
  CHECK(verdict("bare") == "host bare has no /opt/drover: install drover there at the same path");
  CHECK(verdict("crashing") == "host crashing cannot run drover (killed by signal 11): it said nothing");
  CHECK(verdict("old") == "host old has another version: drover 1.2.2, here it is drover 1.2.3");
  CHECK(verdict("chatty") == "host chatty cannot run drover: No such thing");
  CHECK(verdict("other") ==
        "host other has another MPI: Open MPI 9.9.9, here it is " + drover::transport::mpi_version());
  CHECK(ask({"bare", "localhost", "old"}, "/opt/drover") == verdict("bare") + "; " + verdict("old"));
}

TEST_CASE("a host that says nothing is given up, even when its agent will not end") {
  Scripts scripts;
  scripts.use_agent("trap '' TERM; case $1 in silent) sleep 1000; esac; " + std::string(kRunHere));
  CHECK(ask({"silent", "node1"}, scripts.add_program(good_version())) == "host silent did not answer within 400ms");
}

TEST_CASE("ssh itself: a name that is none, and an address where nobody listens") {
  if (::access("/usr/bin/ssh", X_OK) != 0) return;
  CHECK(ask({"no-such-host.invalid"}, "/opt/drover", 20s) == "host no-such-host.invalid does not resolve");
  const std::string refused = ask({"127.9.9.9"}, "/opt/drover", 20s);
  CHECK(refused.starts_with("host 127.9.9.9 "));
  CHECK(refused != "no verdict");
}

TEST_CASE("an agent that does not exist is an error at once") {
  ::setenv("OMPI_MCA_plm_rsh_agent", "/nonexistent/agent", 1);
  CHECK_THROWS_AS(ask({"node1"}, "/opt/drover"), drover::Error);
  ::unsetenv("OMPI_MCA_plm_rsh_agent");
}
