#include "drover/transport/mpi_groups.hpp"

#include <sys/eventfd.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <atomic>
#include <cerrno>
#include <chrono>
#include <cstdlib>
#include <thread>
#include <utility>

#include "drover/support/error.hpp"
#include "drover/support/unique_fd.hpp"
#include "drover/transport/mpi_error.hpp"
#include "drover/transport/mpi_handle.hpp"
#include "drover/transport/mpi_session.hpp"

namespace drover::transport {

namespace {

using namespace std::chrono_literals;

constexpr auto kPauseBetweenLooks = 5ms;

/// An MPI_Info that is freed at its end.
class Info {
 public:
  Info() { check_mpi(MPI_Info_create(&info_), "MPI_Info_create"); }
  ~Info() { MPI_Info_free(&info_); }
  Info(const Info&) = delete;
  Info& operator=(const Info&) = delete;

  void set(const char* key, const std::string& value) {
    if (value.size() >= MPI_MAX_INFO_VAL) throw Error("too long for MPI_Comm_spawn's '" + std::string(key) + "'");
    check_mpi(MPI_Info_set(info_, key, value.c_str()), "MPI_Info_set");
  }
  [[nodiscard]] MPI_Info get() const { return info_; }

 private:
  MPI_Info info_ = MPI_INFO_NULL;
};

std::string joined(const std::vector<std::string>& strings, char separator) {
  std::string text;
  for (const std::string& string : strings) text += (text.empty() ? "" : std::string(1, separator)) + string;
  return text;
}

/// `node5:8` without its slots.
std::string host_name(const std::string& host) {
  return host.substr(0, host.find(':'));
}

bool may_threads_call_mpi() {
  int provided = MPI_THREAD_SINGLE;
  MPI_Query_thread(&provided);
  return provided == MPI_THREAD_MULTIPLE;
}

}  // namespace

// --- a call that takes its time ---------------------------------------------------------------

/// Shared with the thread, which may outlive the GroupArrival, and even the batch.
struct GroupArrival::Call {
  enum class State { under_way, done, given_up };

  const char* name = "";
  MPI_Comm comm = MPI_COMM_NULL;
  int code = MPI_SUCCESS;
  support::UniqueFd done_fd;
  std::atomic<State> state = State::under_way;

  /// The thread's last step. What nobody waits for any more is let go of.
  void finish() {
    State expected = State::under_way;
    if (state.compare_exchange_strong(expected, State::done)) {
      const std::uint64_t one = 1;
      (void)!::write(done_fd.get(), &one, sizeof one);
    } else if (comm != MPI_COMM_NULL) {
      MPI_Comm_free(&comm);
    }
  }
};

GroupArrival::GroupArrival(std::shared_ptr<Call> call) : call_(std::move(call)) {}
GroupArrival::GroupArrival(GroupArrival&&) noexcept = default;

GroupArrival& GroupArrival::operator=(GroupArrival&& other) noexcept {
  std::swap(call_, other.call_);
  return *this;
}

GroupArrival::~GroupArrival() {
  if (!call_) return;
  Call::State expected = Call::State::under_way;
  if (call_->state.compare_exchange_strong(expected, Call::State::given_up)) return;
  if (call_->comm != MPI_COMM_NULL) MPI_Comm_free(&call_->comm);
}

int GroupArrival::fd() const {
  return call_->done_fd.get();
}

std::optional<GroupLink> GroupArrival::take() {
  if (call_->state != Call::State::done) return std::nullopt;
  check_mpi(call_->code, call_->name);
  if (call_->comm == MPI_COMM_NULL) return std::nullopt;
  return GroupLink(std::make_unique<GroupLink::Handle>(std::exchange(call_->comm, MPI_COMM_NULL)));
}

namespace {

/// Runs the call on a thread of its own where MPI allows that; otherwise it blocks, and has a result at once.
GroupArrival begin(const char* name, std::function<int(GroupArrival::Call&)> mpi_call) {
  auto call = std::make_shared<GroupArrival::Call>();
  call->name = name;
  call->done_fd.reset(::eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK));
  if (!call->done_fd) throw system_error("cannot wait for a group of workers", errno);
  auto run = [call, mpi_call = std::move(mpi_call)] {
    call->code = mpi_call(*call);
    call->finish();
  };
  if (may_threads_call_mpi())
    std::thread(std::move(run)).detach();
  else
    run();
  return GroupArrival(std::move(call));
}

}  // namespace

// --- spawn ------------------------------------------------------------------------------------

namespace {

/// MPI fails a spawn as a whole with a general code and says more for each process.
int most_telling(int code, const std::vector<int>& codes) {
  if (code == MPI_SUCCESS) return code;
  const auto telling = std::find_if(codes.begin(), codes.end(), [](int c) { return c != MPI_SUCCESS; });
  return telling != codes.end() ? *telling : code;
}

void describe(const SpawnRequest& request, Info& info) {
  if (!request.workdir.empty()) info.set("wdir", request.workdir);
  if (!request.env.empty()) info.set("env", joined(request.env, '\n'));
  if (request.hosts.empty()) return;
  std::vector<std::string> names;
  std::transform(request.hosts.begin(), request.hosts.end(), std::back_inserter(names), host_name);
  if (request.are_hosts_new) info.set("add-host", joined(request.hosts, ','));
  info.set("host", joined(request.are_hosts_new ? names : request.hosts, ','));
}

}  // namespace

GroupArrival spawn_group(SpawnRequest request) {
  auto info = std::make_shared<Info>();
  describe(request, *info);
  return begin("MPI_Comm_spawn", [info, request = std::move(request)](GroupArrival::Call& call) {
    std::vector<char*> argv;
    for (const std::string& arg : request.args) argv.push_back(const_cast<char*>(arg.c_str()));  // MPI's signature
    argv.push_back(nullptr);
    std::vector<int> codes(static_cast<std::size_t>(request.population), MPI_SUCCESS);
    const int code = MPI_Comm_spawn(request.program.c_str(), argv.data(), request.population, info->get(), 0,
                                    MPI_COMM_SELF, &call.comm, codes.data());
    return most_telling(code, codes);
  });
}

std::optional<GroupLink> parent_link() {
  MPI_Comm parent = MPI_COMM_NULL;
  check_mpi(MPI_Comm_get_parent(&parent), "MPI_Comm_get_parent");
  if (parent == MPI_COMM_NULL) return std::nullopt;
  return GroupLink(std::make_unique<GroupLink::Handle>(parent));
}

// --- join -------------------------------------------------------------------------------------

ListeningPort::ListeningPort() {
  std::array<char, MPI_MAX_PORT_NAME> name{};
  check_mpi(MPI_Open_port(MPI_INFO_NULL, name.data()), "MPI_Open_port");
  name_ = name.data();
}

ListeningPort::~ListeningPort() {
  MPI_Close_port(name_.data());
}

GroupArrival accept_group(std::string port) {
  return begin("MPI_Comm_accept", [port = std::move(port)](GroupArrival::Call& call) {
    return MPI_Comm_accept(port.c_str(), MPI_INFO_NULL, 0, MPI_COMM_SELF, &call.comm);
  });
}

std::string join_obstacle() {
  if (is_open_mpi_5())
    return "groups with a launcher of their own cannot connect to an MPI job of Open MPI 5; use --population N, which "
           "spawns";
  if (std::getenv("OMPI_MCA_pmix_server_uri") == nullptr)
    return "this MPI job was started without an ompi-server, through which groups would connect; start with 'drover "
           "run' and no mpirun, or with mpirun --ompi-server file:FILE";
  if (spans_hosts())
    return "its mpirun has started ranks on other hosts, and Open MPI 4.1 would end this MPI job and the group's; use "
           "'drover scale add', which spawns";
  return {};
}

namespace {

/// What rank 0 tells the others of its group.
struct PortAnswer {
  std::array<char, MPI_MAX_PORT_NAME> name{};
  char is_refused = 0;
};

/// A broadcast in which waiting ranks sleep.
void share(PortAnswer& answer) {
  MPI_Request request = MPI_REQUEST_NULL;
  check_mpi(MPI_Ibcast(&answer, sizeof answer, MPI_BYTE, 0, MPI_COMM_WORLD, &request), "MPI_Ibcast");
  for (int is_done = 0; is_done == 0;) {
    check_mpi(MPI_Test(&request, &is_done, MPI_STATUS_IGNORE), "MPI_Test");
    if (is_done == 0) std::this_thread::sleep_for(kPauseBetweenLooks);
  }
}

PortAnswer ask(const std::function<std::string()>& ask_for_port) {
  PortAnswer answer;
  const std::string name = ask_for_port();
  if (name.size() >= answer.name.size()) throw Error("the master's port has too long a name: '" + name + "'");
  std::copy(name.begin(), name.end(), answer.name.begin());
  return answer;
}

}  // namespace

GroupLink connect_group(const std::function<std::string()>& ask_for_port) {
  int rank = 0;
  check_mpi(MPI_Comm_rank(MPI_COMM_WORLD, &rank), "MPI_Comm_rank");
  PortAnswer answer;
  if (rank == 0) {
    try {
      answer = ask(ask_for_port);
    } catch (...) {
      answer.is_refused = 1;
      share(answer);
      throw;
    }
  }
  share(answer);
  if (answer.is_refused != 0) throw Error("the first process of this group could not join the master");
  MPI_Comm master = MPI_COMM_NULL;
  check_mpi(MPI_Comm_connect(answer.name.data(), MPI_INFO_NULL, 0, MPI_COMM_WORLD, &master), "MPI_Comm_connect");
  return GroupLink(std::make_unique<GroupLink::Handle>(master));
}

}  // namespace drover::transport
