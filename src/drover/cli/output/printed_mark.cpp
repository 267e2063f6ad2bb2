#include "drover/cli/output/printed_mark.hpp"

#include <fcntl.h>

#include <algorithm>
#include <cerrno>
#include <cstdio>
#include <fstream>
#include <utility>

#include "drover/journal/append_file.hpp"

namespace drover::cli {

std::optional<PrintedPlace> read_printed(const std::filesystem::path& path) {
  if (!std::filesystem::exists(path)) return std::nullopt;
  std::ifstream file(path);
  if (!file) throw journal::file_error("read", path, errno);
  PrintedPlace place;
  file >> place.index_end >> place.next_task.value >> place.num_bytes[0] >> place.num_bytes[1];
  return file ? std::make_optional(place) : std::nullopt;
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

void PrintedMark::wrote(const StreamBytes& num_written, bool is_partial_known) {
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
  if (place != in_file_) write(place);
}

/// Always as many bytes, so that one write replaces all of the file.
void PrintedMark::write(const PrintedPlace& place) {
  std::array<char, 96> text;
  const int length = std::snprintf(
      text.data(), text.size(), "%20llu %20llu %20llu %20llu\n", static_cast<unsigned long long>(place.index_end),
      static_cast<unsigned long long>(place.next_task.value), static_cast<unsigned long long>(place.num_bytes[0]),
      static_cast<unsigned long long>(place.num_bytes[1]));
  journal::write_at(fd_.get(), path_, {text.data(), static_cast<std::size_t>(length)}, 0);
  in_file_ = place;
}

}  // namespace drover::cli
