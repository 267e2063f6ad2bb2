#include "drover/cli/output/printed_mark.hpp"

#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <fstream>
#include <utility>

#include "drover/journal/append_file.hpp"

namespace drover::cli {

namespace {

constexpr std::size_t kWidth = 20;  ///< of the largest number
constexpr const char* kNothing = "nothing\n";

}  // namespace

std::optional<PrintedPlace> read_printed(const std::filesystem::path& path) {
  if (!std::filesystem::exists(path)) return std::nullopt;
  std::ifstream file(path);
  if (!file) throw journal::file_error("read", path, errno);
  PrintedPlace place;
  file >> place.index_end >> place.next_task.value >> place.num_bytes[0] >> place.num_bytes[1];
  if (!file) return std::nullopt;
  for (StreamEnd& end : place.ends)  // which drover of old did not write
    file >> end.device >> end.file >> end.length;
  if (!file) place.ends = {};
  return place;
}

void note_nothing_is_printed(const std::filesystem::path& path) {
  journal::AppendFile file(path);
  file.truncate(0);
  file.append(kNothing);
  file.flush();
}

bool is_printed_mark(const std::filesystem::path& path) {
  std::string line;
  std::ifstream file(path);
  return (std::getline(file, line) && line + '\n' == kNothing) || read_printed(path);
}

StreamEnd stream_end(int fd) {
  struct stat status {};
  if (::fstat(fd, &status) != 0 || !S_ISREG(status.st_mode)) return {};
  const bool is_appended = (::fcntl(fd, F_GETFL) & O_APPEND) != 0 || ::lseek(fd, 0, SEEK_CUR) == status.st_size;
  if (!is_appended) return {};
  return {static_cast<std::uint64_t>(status.st_dev), static_cast<std::uint64_t>(status.st_ino),
          static_cast<std::uint64_t>(status.st_size)};
}

StreamBytes bytes_still_there(const PrintedPlace& place, const StreamEnds& ends) {
  StreamBytes num_bytes = place.num_bytes;
  const auto is_there = [&](std::size_t i) { return place.ends.at(i).is_file() && place.ends.at(i) == ends.at(i); };
  const bool were_one = place.ends[0] == place.ends[1];
  for (std::size_t i = 0; i < num_bytes.size(); ++i)
    if (were_one ? !is_there(0) || !is_there(1) : !is_there(i)) num_bytes.at(i) = 0;
  return num_bytes;
}

PrintedMark::PrintedMark(std::filesystem::path path, const PrintedPlace& start)
    : path_(std::move(path)), fd_(journal::open_file(path_, O_WRONLY | O_CREAT)) {
  passed_.place = start;
  write(start);
}

void PrintedMark::reached(const PrintedPlace& place, const StreamBytes& num_appended) {
  if (ahead_.empty() || ahead_.back().end != num_appended) ahead_.emplace_back();
  ahead_.back() = {place, num_appended};
}

void PrintedMark::wrote(const StreamBytes& num_written, bool is_partial_known, const StreamEnds& ends) {
  const auto is_passed = [&](const Stop& stop) {
    return stop.end[0] <= num_written[0] && stop.end[1] <= num_written[1];
  };
  while (!ahead_.empty() && is_passed(ahead_.front())) {
    passed_ = ahead_.front();
    ahead_.pop_front();
  }
  PrintedPlace place = passed_.place;
  if (is_partial_known)
    for (std::size_t i = 0; i < place.num_bytes.size(); ++i) place.num_bytes[i] += num_written[i] - passed_.end[i];
  place.ends = ends;
  if (place != in_file_) write(place);
}

/// Always as many bytes, so that one write replaces all of the file.
void PrintedMark::write(const PrintedPlace& place) {
  const std::array<std::uint64_t, 10> numbers{
      place.index_end,    place.next_task.value, place.num_bytes[0],   place.num_bytes[1], place.ends[0].device,
      place.ends[0].file, place.ends[0].length,  place.ends[1].device, place.ends[1].file, place.ends[1].length};
  std::string text;
  for (const std::uint64_t number : numbers) {
    const std::string digits = std::to_string(number);
    (text.append(kWidth - digits.size(), ' ') += digits) += ' ';
  }
  text.back() = '\n';
  journal::write_at(fd_.get(), path_, text, 0);
  in_file_ = place;
}

}  // namespace drover::cli
