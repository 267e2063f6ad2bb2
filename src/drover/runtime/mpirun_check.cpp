#include "drover/runtime/mpirun_check.hpp"

#include <unistd.h>

#include <cstdlib>
#include <sstream>

#include "drover/runtime/child_process.hpp"
#include "drover/runtime/launcher.hpp"
#include "drover/support/error.hpp"
#include "drover/transport/mpi_session.hpp"

namespace drover::runtime {

namespace {

/// One that takes longer has other troubles, which starting it will show.
constexpr core::Duration kAnswerLimit = std::chrono::seconds(10);
constexpr std::string_view kOpenMpi = "(Open MPI) ";

std::string place_in_path(const std::string& program) {
  const char* path = std::getenv("PATH");
  std::istringstream directories(path != nullptr ? path : "");
  for (std::string directory; std::getline(directories, directory, ':');) {
    const std::string place = (directory.empty() ? "." : directory) + "/" + program;
    if (::access(place.c_str(), X_OK) == 0) return place;
  }
  return "";
}

std::string advice() {
  return ": load " + transport::mpi_version() +
         ", with which drover was built ('module load openmpi' on most clusters), or put its directory in front in "
         "PATH";
}

/// Of "4.1.4", the series within which versions understand each other.
std::string major(const std::string& version) {
  return version.substr(0, version.find('.'));
}

}  // namespace

std::string mpirun_obstacle() {
  const std::string place = place_in_path("mpirun");
  if (place.empty()) return "there is no mpirun in PATH" + advice();
  ChildProcess::Options options;
  options.command = {place, "--version"};
  options.unset = launcher_variables();
  try {
    ChildProcess process(options);
    if (!wait_for_end(process, kAnswerLimit)) return "";
    const std::string& output = process.output();
    const auto found = output.find(kOpenMpi);
    if (found == std::string::npos)
      return "'" + place + "' is not Open MPI's, but says '" + output.substr(0, output.find('\n')) + "'" + advice();
    const std::string version =
        output.substr(found + kOpenMpi.size(), output.find('\n', found) - found - kOpenMpi.size());
    const std::string own = transport::mpi_version();
    if (major(version) != major(own.substr(own.rfind(' ') + 1)))
      return "'" + place + "' is that of Open MPI " + version + advice();
  } catch (const Error& e) {
    return e.what() + advice();
  }
  return "";
}

}  // namespace drover::runtime
