// Where a master can be found: `control.sock` in the directory of its run.
//
// Beside it lies `control.lock`, held (flock) as long as the master lives, which says on which host and
// in which process that is: a socket on a shared file system can be seen from hosts where it leads
// nowhere. Where the path is too long for a socket, or the file system cannot hold one, the socket is in
// a private directory below $XDG_RUNTIME_DIR or the temporary directory, and control.sock is a symbolic
// link to it.
#pragma once

#include <sys/types.h>

#include <cstdint>
#include <filesystem>
#include <optional>
#include <string>
#include <string_view>

#include "drover/support/unique_fd.hpp"

namespace drover::control {

/// A socket that listens, and its files. The destructor removes them: they remain only after a crash,
/// and are then replaced by the next master of this run.
class ControlSocket {
 public:
  /// The socket is of mode 0600, not blocking and not inherited. Throws Error: another master holds the
  /// run, or the files cannot be made.
  explicit ControlSocket(const std::filesystem::path& run_dir);
  ~ControlSocket() { remove(); }
  ControlSocket(const ControlSocket&) = delete;
  ControlSocket& operator=(const ControlSocket&) = delete;

  [[nodiscard]] int fd() const { return listening_.get(); }

  /// Makes anew what somebody else has removed of its files, so that it can be connected to again; what cannot be made
  /// now can be tried again. Whether the descriptor is another from now on.
  bool restore();

  /// Nobody can connect any more.
  void remove();

 private:
  /// Tells files apart that have or had the same name.
  struct Identity {
    dev_t device;
    ino_t inode;
    friend bool operator==(const Identity&, const Identity&) = default;
  };

  void listen();
  void bind_elsewhere(int socket);
  void remove_socket();
  [[nodiscard]] static std::optional<Identity> identity_of(const std::filesystem::path& path);

  std::filesystem::path run_dir_;
  std::filesystem::path private_dir_;  ///< empty: the socket is in the run directory
  support::UniqueFd lock_;
  support::UniqueFd listening_;
  std::optional<Identity> bound_;  ///< the file of the socket that listens
};

/// Who serves a run, as its lock says.
struct MasterPlace {
  std::string host;
  std::int32_t pid = 0;
};
/// `process 71 on node5`
[[nodiscard]] std::string to_string(const MasterPlace& place);
/// None when there is no lock or it says nothing.
[[nodiscard]] std::optional<MasterPlace> read_master_place(const std::filesystem::path& run_dir);

[[nodiscard]] std::filesystem::path lock_path(const std::filesystem::path& run_dir);
[[nodiscard]] std::filesystem::path socket_path(const std::filesystem::path& run_dir);

/// A connection that does not block, or an errno: ENOENT or ECONNREFUSED when nobody listens, EACCES when
/// it is another user's, EAGAIN when so many wait already that it must be tried again.
struct Connected {
  support::UniqueFd socket;
  int error = 0;
};
[[nodiscard]] Connected connect_to(const std::filesystem::path& run_dir);

/// Of this machine.
[[nodiscard]] std::string host_name();

/// Whether a host is named as this machine is, with its domain or without, or as every machine names itself.
[[nodiscard]] bool is_this_machine(std::string_view host);

}  // namespace drover::control
