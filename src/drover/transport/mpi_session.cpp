#include "drover/transport/mpi_session.hpp"

#include <mpi.h>

#include <array>
#include <boost/mpi/communicator.hpp>
#include <boost/mpi/environment.hpp>
#include <boost/mpi/exception.hpp>
#include <boost/version.hpp>
#include <charconv>
#include <cstdlib>
#include <optional>
#include <string_view>
#include <system_error>

#include "drover/support/error.hpp"
#include "drover/transport/mca_defaults.hpp"
#include "drover/transport/mpi_error.hpp"

namespace drover::transport {

struct MpiSession::State {
  // Not to abort on an uncaught exception: unwinding must reach main, which knows what to say.
  explicit State(boost::mpi::threading::level level) : environment(level, false) {}

  boost::mpi::environment environment;
  boost::mpi::communicator world;
};

MpiSession::MpiSession(Threading threading) {
  namespace levels = boost::mpi::threading;
  const McaDefaults defaults;
  try {
    state_ = std::make_unique<State>(threading == Threading::any_thread ? levels::multiple : levels::funneled);
  } catch (const boost::mpi::exception& e) {
    throw Error(std::string("MPI cannot be initialised: ") + e.what());
  }
  // A failed spawn on MPI_COMM_SELF would be fatal otherwise; Boost sets the world's only.
  check_mpi(MPI_Comm_set_errhandler(MPI_COMM_SELF, MPI_ERRORS_RETURN), "MPI_Comm_set_errhandler");
  check_mpi(MPI_Comm_set_errhandler(MPI_COMM_WORLD, MPI_ERRORS_RETURN), "MPI_Comm_set_errhandler");
}

MpiSession::~MpiSession() {
  if (is_abandoned_) (void)state_.release();
}

int MpiSession::rank() const {
  return state_->world.rank();
}
int MpiSession::size() const {
  return state_->world.size();
}
std::string MpiSession::host() const {
  return boost::mpi::environment::processor_name();
}

namespace {

std::string_view environment(const char* name) {
  const char* value = std::getenv(name);
  return value != nullptr ? value : "";
}

bool is_set(const char* name) {
  const std::string_view value = environment(name);
  return value == "1" || value == "true" || value == "yes";
}

}  // namespace

bool is_started_by_launcher() {
  return !environment("PMIX_RANK").empty() || !environment("OMPI_COMM_WORLD_RANK").empty();
}

namespace {

constexpr auto kRankVariables = std::to_array<const char*>({"OMPI_COMM_WORLD_RANK", "PMIX_RANK"});

std::optional<int> number_in(std::string_view text) {
  int number = 0;
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), number);
  if (error != std::errc() || end != text.data() + text.size() || number < 0) return std::nullopt;
  return number;
}

}  // namespace

int launcher_rank() {
  for (const char* name : kRankVariables)
    if (const std::string_view value = environment(name); !value.empty()) return number_in(value).value_or(0);
  return 0;
}

std::string launcher_fault() {
  for (const char* name : kRankVariables)
    if (const std::string_view value = environment(name); !value.empty() && !number_in(value))
      return std::string(name) + "='" + std::string(value) + "' is no rank of an MPI job: unset it";
  return "";
}

/// `JOBID.RANK;tcp4://...` is the daemon that looks after this rank; mpirun itself has the rank 0.
bool spans_hosts() {
  const std::string_view daemon = environment("PMIX_SERVER_URI2");
  const std::string_view name = daemon.substr(0, daemon.find(';'));
  const bool is_elsewhere = name.find('.') != std::string_view::npos && !name.ends_with(".0");
  return is_elsewhere || environment("OMPI_COMM_WORLD_LOCAL_SIZE") != environment("OMPI_COMM_WORLD_SIZE");
}

bool is_open_mpi_5() {
  return mpi_version().starts_with("Open MPI 5");
}

LossProtection loss_protection() {
  if (is_open_mpi_5()) {
    if (is_set("OMPI_MCA_mpi_ft_enable"))
      return {true, "survives the death of processes (ULFM), not of a whole node of this MPI job"};
    return {false, "survives no death: the first one ends the MPI job; start with mpirun --with-ft ulfm"};
  }
  if (is_set("OMPI_MCA_orte_enable_recovery"))
    return {true, "survives the death of processes, not of a whole node of this MPI job"};
  return {false, "survives no death: the first one ends the MPI job; start with mpirun --enable-recovery"};
}

std::string mpi_version() {
  std::array<char, MPI_MAX_LIBRARY_VERSION_STRING> text{};
  int length = 0;
  if (MPI_Get_library_version(text.data(), &length) != MPI_SUCCESS) return "an unknown MPI";
  const std::string version(text.data(), static_cast<std::size_t>(length));
  // "Open MPI v4.1.4, package: Debian OpenMPI, ident: ..."
  const std::string name = version.substr(0, version.find(','));
  const auto v = name.find(" v");
  return v == std::string::npos ? name : name.substr(0, v + 1) + name.substr(v + 2);
}

std::string boost_version() {
  return std::to_string(BOOST_VERSION / 100000) + "." + std::to_string(BOOST_VERSION / 100 % 1000) + "." +
         std::to_string(BOOST_VERSION % 100);
}

}  // namespace drover::transport
