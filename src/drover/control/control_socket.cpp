#include "drover/control/control_socket.hpp"

#include <fcntl.h>
#include <sys/file.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <unistd.h>

#include <array>
#include <cerrno>
#include <chrono>
#include <cstdlib>
#include <cstring>
#include <sstream>
#include <string>
#include <string_view>
#include <system_error>
#include <thread>

#include "drover/support/error.hpp"
#include "drover/support/other_users.hpp"

namespace drover::control {

namespace fs = std::filesystem;

namespace {

using namespace std::chrono_literals;

/// A client that comes while the master is busy waits here.
constexpr int kBacklog = 64;
constexpr auto kLockPatience = 200ms;
constexpr auto kLockPause = 10ms;
constexpr const char* kPrivatePrefix = "drover-";

/// None if the path is too long.
std::optional<sockaddr_un> address_of(const fs::path& path) {
  sockaddr_un address{};
  address.sun_family = AF_UNIX;
  const std::string& name = path.native();
  if (name.size() >= sizeof address.sun_path) return std::nullopt;
  std::memcpy(address.sun_path, name.data(), name.size());
  return address;
}

const sockaddr* generic(const sockaddr_un& address) {
  return reinterpret_cast<const sockaddr*>(&address);
}

support::UniqueFd open_socket(int flags) {
  support::UniqueFd fd(::socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC | flags, 0));
  if (!fd) throw system_error("cannot open a control socket", errno);
  return fd;
}

Error held_by_another(const fs::path& run_dir) {
  std::string where;
  if (const std::optional<MasterPlace> place = read_master_place(run_dir)) where = " (" + to_string(*place) + ")";
  return Error("run directory '" + run_dir.string() + "' is in use by another master" + where +
               ": wait for its end, or end it with 'drover stop --run " + run_dir.string() + "'");
}

/// Whether the file that was opened is still the one with that name.
bool is_still_at(int fd, const fs::path& path) {
  struct stat opened {};
  struct stat named {};
  return ::fstat(fd, &opened) == 0 && ::stat(path.c_str(), &named) == 0 && opened.st_dev == named.st_dev &&
         opened.st_ino == named.st_ino;
}

/// Those who look whether it is locked hold it for a moment.
bool lock_within(int fd, std::chrono::milliseconds patience) {
  for (auto waited = 0ms; ::flock(fd, LOCK_EX | LOCK_NB) < 0; waited += kLockPause) {
    if (errno != EWOULDBLOCK || waited >= patience) return false;
    std::this_thread::sleep_for(kLockPause);
  }
  return true;
}

support::UniqueFd take_lock(const fs::path& run_dir) {
  const fs::path path = lock_path(run_dir);
  for (;;) {
    support::UniqueFd fd = support::open_no_link(path, O_RDWR | O_CREAT, 0600);
    if (!fd) throw system_error("cannot create '" + path.string() + "'", errno);
    if (!lock_within(fd.get(), kLockPatience)) {
      if (errno == EWOULDBLOCK) throw held_by_another(run_dir);
      // A file system without locks: whether somebody listens is then all there is to know.
      if (errno != ENOSYS && errno != EOPNOTSUPP && errno != ENOLCK)
        throw system_error("cannot lock '" + path.string() + "'", errno);
    }
    if (is_still_at(fd.get(), path)) return fd;  // its owner may just have removed it
  }
}

void write_place(int fd, const fs::path& path) {
  const std::string text = host_name() + " " + std::to_string(::getpid()) + "\n";
  if (::ftruncate(fd, 0) < 0 || ::pwrite(fd, text.data(), text.size(), 0) != static_cast<ssize_t>(text.size()))
    throw system_error("cannot write '" + path.string() + "'", errno);
}

/// Of a master that crashed: the socket, or the link to it and the directory where it was.
void remove_stale(const fs::path& socket) {
  std::error_code ignored;
  const fs::path target = fs::read_symlink(socket, ignored);
  if (!ignored && target.filename() == socket.filename() &&
      target.parent_path().filename().native().starts_with(kPrivatePrefix)) {
    fs::remove(target, ignored);
    fs::remove(target.parent_path(), ignored);
  }
  if (::unlink(socket.c_str()) < 0 && errno != ENOENT)
    throw system_error("cannot remove the stale '" + socket.string() + "'", errno);
}

/// Of mode 0700, with a name that nobody could foresee.
fs::path make_private_directory() {
  const auto variable = [](const char* name) {
    const char* value = std::getenv(name);
    return std::string(value != nullptr && *value == '/' ? value : "");
  };
  for (const std::string& base : {variable("XDG_RUNTIME_DIR"), variable("TMPDIR"), std::string("/tmp")}) {
    std::string path = base + "/" + kPrivatePrefix + "XXXXXX";
    if (base.empty() || path.size() > 80) continue;  // the name of the socket must fit too
    if (::mkdtemp(path.data()) != nullptr) return path;
  }
  throw system_error("cannot make a directory for the control socket in $XDG_RUNTIME_DIR, $TMPDIR or /tmp", errno);
}

/// Anybody can make a socket of that name where they can write, and would be told what is for the master.
bool is_served_by_trusted_user(int socket) {
  ucred server{};
  socklen_t length = sizeof server;
  return ::getsockopt(socket, SOL_SOCKET, SO_PEERCRED, &server, &length) == 0 && support::is_trusted(server.uid);
}

}  // namespace

ControlSocket::ControlSocket(const fs::path& run_dir) : run_dir_(run_dir), lock_(take_lock(run_dir)) {
  if (const Connected other = connect_to(run_dir); other.socket || other.error == EAGAIN)
    throw held_by_another(run_dir);
  write_place(lock_.get(), lock_path(run_dir));
  listen();
}

void ControlSocket::listen() {
  const fs::path path = socket_path(run_dir_);
  remove_stale(path);
  support::UniqueFd socket = open_socket(SOCK_NONBLOCK);
  // Linux gives the file the mode of the socket, so that it is never open to others.
  if (::fchmod(socket.get(), 0600) < 0) throw system_error("cannot protect the control socket", errno);
  const std::optional<sockaddr_un> address = address_of(path);
  // Not every file system can hold a socket.
  if (!address || ::bind(socket.get(), generic(*address), sizeof *address) < 0) bind_elsewhere(socket.get());
  if (::listen(socket.get(), kBacklog) < 0) throw system_error("cannot listen at '" + path.string() + "'", errno);
  bound_ = identity_of(path);
  listening_ = std::move(socket);
}

void ControlSocket::bind_elsewhere(int socket) {
  private_dir_ = make_private_directory();
  const fs::path link = socket_path(run_dir_);
  const fs::path path = private_dir_ / link.filename();
  const std::optional<sockaddr_un> address = address_of(path);
  if (!address || ::bind(socket, generic(*address), sizeof *address) < 0) {
    const int error = errno;
    std::error_code ignored;
    fs::remove(private_dir_, ignored);
    throw system_error("cannot make the control socket '" + path.string() + "'", error);
  }
  if (::symlink(path.c_str(), link.c_str()) < 0) {
    const int error = errno;
    remove_socket();
    throw system_error("cannot make the link '" + link.string() + "' to the control socket", error);
  }
}

std::optional<ControlSocket::Identity> ControlSocket::identity_of(const fs::path& path) {
  struct stat info {};
  if (::stat(path.c_str(), &info) < 0) return std::nullopt;
  return Identity{info.st_dev, info.st_ino};
}

bool ControlSocket::restore() {
  const bool is_locked = is_still_at(lock_.get(), lock_path(run_dir_));
  if (is_locked && identity_of(socket_path(run_dir_)) == bound_) return false;
  try {
    if (!is_locked) {
      support::UniqueFd lock = take_lock(run_dir_);  // of another master by now, perhaps
      write_place(lock.get(), lock_path(run_dir_));
      lock_ = std::move(lock);
    }
    if (identity_of(socket_path(run_dir_)) == bound_) return false;
    remove_socket();
    listen();
    return true;
  } catch (const Error&) {
    return false;  // such as when the directory of the run is gone
  }
}

void ControlSocket::remove_socket() {
  std::error_code ignored;
  const fs::path path = socket_path(run_dir_);
  fs::remove(path, ignored);
  if (private_dir_.empty()) return;
  fs::remove(private_dir_ / path.filename(), ignored);
  fs::remove(private_dir_, ignored);
  private_dir_.clear();
}

void ControlSocket::remove() {
  if (!lock_) return;
  listening_.reset();
  remove_socket();
  std::error_code ignored;
  fs::remove(lock_path(run_dir_), ignored);
  lock_.reset();
}

std::string to_string(const MasterPlace& place) {
  return "process " + std::to_string(place.pid) + " on " + place.host;
}

std::optional<MasterPlace> read_master_place(const fs::path& run_dir) {
  // What has this name in a directory of somebody else's may be anything: a pipe would have us wait.
  const support::UniqueFd fd = support::open_no_link(lock_path(run_dir), O_RDONLY | O_NONBLOCK);
  std::array<char, 512> bytes{};
  const ssize_t length = fd ? ::read(fd.get(), bytes.data(), bytes.size()) : 0;
  if (length <= 0) return std::nullopt;
  std::istringstream text(std::string(bytes.data(), static_cast<std::size_t>(length)));
  MasterPlace place;
  if (text >> place.host >> place.pid) return place;
  return std::nullopt;
}

fs::path lock_path(const fs::path& run_dir) {
  return run_dir / "control.lock";
}

fs::path socket_path(const fs::path& run_dir) {
  return run_dir / "control.sock";
}

Connected connect_to(const fs::path& run_dir) {
  fs::path path = socket_path(run_dir);
  std::error_code not_a_link;
  // The link itself may be too long a name, which is why it is there.
  if (fs::path target = fs::read_symlink(path, not_a_link); !not_a_link) path = std::move(target);
  const std::optional<sockaddr_un> address = address_of(path);
  if (!address) return {{}, ENOENT};
  support::UniqueFd socket = open_socket(SOCK_NONBLOCK);
  if (::connect(socket.get(), generic(*address), sizeof *address) < 0) return {{}, errno};
  if (!is_served_by_trusted_user(socket.get())) return {{}, EACCES};
  return {std::move(socket), 0};
}

std::string host_name() {
  std::array<char, 256> name{};
  ::gethostname(name.data(), name.size() - 1);
  return name.data();
}

bool is_this_machine(std::string_view host) {
  if (host == "localhost" || host == "127.0.0.1" || host == "::1") return true;
  const std::string own = host_name();
  return host == own || host == own.substr(0, own.find('.'));
}

}  // namespace drover::control
