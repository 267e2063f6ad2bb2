#include "drover/support/other_users.hpp"

#include <fcntl.h>
#include <pwd.h>
#include <sys/stat.h>
#include <unistd.h>

#include <array>
#include <cerrno>

#include "drover/support/error.hpp"

namespace drover::support {

namespace {

std::string user_name(uid_t user) {
  passwd entry{};
  passwd* found = nullptr;
  std::array<char, 4096> strings{};
  if (::getpwuid_r(user, &entry, strings.data(), strings.size(), &found) == 0 && found != nullptr)
    return "'" + std::string(found->pw_name) + "'";
  return std::to_string(user);
}

std::string belongs_to(uid_t user) {
  return "belongs to user " + user_name(user);
}

std::string writable_by_all(const struct stat& status) {
  return (status.st_mode & S_IWOTH) != 0 && !S_ISLNK(status.st_mode) ? "can be written by everybody" : "";
}

Error examine_error(const std::filesystem::path& path) {
  return system_error("cannot examine '" + path.string() + "'", errno);
}

}  // namespace

UniqueFd open_no_link(const std::filesystem::path& path, int flags, mode_t mode) {
  for (;;) {
    UniqueFd fd(::open(path.c_str(), flags | O_CLOEXEC | O_NOFOLLOW, mode));
    if (fd || errno != EINTR) return fd;
  }
}

std::string other_hands_in(const std::filesystem::path& directory) {
  struct stat status {};
  if (::stat(directory.c_str(), &status) != 0) throw examine_error(directory);
  return is_trusted(status.st_uid) ? writable_by_all(status) : belongs_to(status.st_uid);
}

std::string other_hands_on(const std::filesystem::path& file) {
  struct stat link {};
  struct stat status {};
  if (::lstat(file.c_str(), &link) != 0 || ::stat(file.c_str(), &status) != 0) throw examine_error(file);
  for (const struct stat& each : {link, status})
    if (each.st_uid != 0 && each.st_uid != ::geteuid()) return belongs_to(each.st_uid);
  return writable_by_all(status);
}

bool is_trusted(uid_t user) {
  return user == ::geteuid() || user == 0 || ::geteuid() == 0;
}

}  // namespace drover::support
