#include "drover/runtime/host_agent.hpp"

#include <sys/wait.h>

#include <algorithm>
#include <chrono>
#include <cstdlib>

#include "drover/support/error.hpp"
#include "support/catch.hpp"

using namespace drover::runtime;
using namespace std::chrono_literals;

namespace {

using Words = std::vector<std::string>;

/// The agent is this one, and there is no Slurm job.
struct Agent {
  explicit Agent(const char* agent) {
    ::setenv("OMPI_MCA_plm_rsh_agent", agent, 1);
    ::unsetenv("SLURM_JOB_ID");
    ::unsetenv("SLURM_JOBID");
  }
  ~Agent() { ::unsetenv("OMPI_MCA_plm_rsh_agent"); }
  Agent(const Agent&) = delete;
  Agent& operator=(const Agent&) = delete;
};

int exit_status(int code) {
  return W_EXITCODE(code, 0);
}

}  // namespace

TEST_CASE("a command for another host is one word of the agent, and its words are as they were") {
  const Agent agent("/opt/agent -q");
  const Words words = command_on("node5", {"/opt/my drover", "--join", "it's"}, 10s);
  REQUIRE(words.size() == 4);
  CHECK(Words(words.begin(), words.begin() + 3) == Words{"/opt/agent", "-q", "node5"});
  CHECK(words[3].starts_with("env "));
  CHECK(words[3].ends_with(R"( '/opt/my drover' --join 'it'\''s')"));
}

TEST_CASE("what a user has set for every MPI job is set there too, and what a launcher has set is not") {
  const Agent agent("/opt/agent");
  ::setenv("OMPI_MCA_btl_tcp_if_include", "eth 1", 1);
  ::setenv("OMPI_MCA_ess_base_jobid", "17", 1);
  const std::string remote = command_on("node5", {"drover"}, 10s).back();
  ::unsetenv("OMPI_MCA_btl_tcp_if_include");
  ::unsetenv("OMPI_MCA_ess_base_jobid");
  CHECK(remote.find("'OMPI_MCA_btl_tcp_if_include=eth 1'") != std::string::npos);
  CHECK(remote.find("ess_base_jobid") == std::string::npos);
}

TEST_CASE("ssh asks nothing, waits no longer than it may, and takes no host for an option") {
  const Agent agent("ssh -F config");
  const Words words = command_on("node5", {"drover"}, 7s);
  CHECK(std::count(words.begin(), words.end(), "BatchMode=yes") == 1);
  CHECK(std::count(words.begin(), words.end(), "ConnectTimeout=7") == 1);
  CHECK(words[words.size() - 3] == "--");
  CHECK(words[words.size() - 2] == "node5");
  CHECK_THROWS_AS(command_on("-oProxyCommand=x", {"drover"}, 7s), drover::UsageError);
}

TEST_CASE("what came of it is said in a line that names the host") {
  CHECK(explain_end("n", "/opt/drover", exit_status(255), "ssh: Could not resolve hostname n\n") ==
        "host n does not resolve");
  CHECK(explain_end("n", "/opt/drover", exit_status(127), "env: no such file\n") ==
        "host n has no /opt/drover: install drover there at the same path");
  CHECK(explain_end("n", "/opt/drover", exit_status(125), "Welcome\ndrover: its ranks ended\nmpirun: why\n") ==
        "host n: its ranks ended");
  CHECK(explain_end("n", "/opt/drover", exit_status(1), "") ==
        "host n cannot run drover (exit status 1): it said nothing");
}
