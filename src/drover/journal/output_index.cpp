#include "drover/journal/output_index.hpp"

#include <fcntl.h>
#include <sys/stat.h>

#include <algorithm>
#include <array>
#include <cerrno>
#include <charconv>
#include <fstream>

#include "drover/journal/append_file.hpp"
#include "drover/journal/number_text.hpp"

namespace drover::journal {

namespace fs = std::filesystem;

namespace {

constexpr std::uint64_t kBlock = 64 * 1024;

std::optional<OutputEntry> parse_entry(std::string_view line) {
  std::array<std::uint64_t, 6> numbers{};
  const char* at = line.data();
  const char* const end = line.data() + line.size();
  for (std::uint64_t& number : numbers) {
    if (&number != numbers.data() && (at == end || *at++ != '\t')) return std::nullopt;
    const auto parsed = std::from_chars(at, end, number);
    if (parsed.ec != std::errc()) return std::nullopt;
    at = parsed.ptr;
  }
  if (at != end) return std::nullopt;
  const auto [task, attempt, out_offset, out_length, err_offset, err_length] = numbers;
  return OutputEntry{{core::TaskId(task), static_cast<std::uint32_t>(attempt)},
                     {{out_offset, out_length}, {err_offset, err_length}}};
}

void check_header(const fs::path& path, std::string_view line) {
  if (line != kOutputIndexHeader.substr(0, kOutputIndexHeader.size() - 1))
    throw Error("cannot use '" + path.string() + "': not an index of outputs");
}

/// Gives the whole lines of a file from the last to the first.
class LinesBackwards {
 public:
  explicit LinesBackwards(const fs::path& path) : path_(path), fd_(open_file(path, O_RDONLY)) {
    struct stat status {};
    if (::fstat(fd_.get(), &status) != 0) throw file_error("examine", path_, errno);
    begin_ = static_cast<std::uint64_t>(status.st_size);
    (void)next();  // what follows the last newline is no line
  }

  /// Without its newline; none at the beginning.
  std::optional<std::string> next() {
    std::size_t newline = 0;
    while ((newline = buffer_.rfind('\n')) == std::string::npos && begin_ > 0) fill();
    if (newline == std::string::npos && is_at_begin_) return std::nullopt;
    is_at_begin_ = newline == std::string::npos;
    const std::size_t from = is_at_begin_ ? 0 : newline + 1;
    std::string line = buffer_.substr(from);
    end_ = begin_ + from + line.size();
    buffer_.resize(is_at_begin_ ? 0 : newline);
    return line;
  }

  /// Where the line that was given last ends, without its newline.
  [[nodiscard]] std::uint64_t end() const { return end_; }

 private:
  void fill() {
    const std::uint64_t length = std::min(begin_, kBlock);
    std::string block(length, '\0');
    for (std::uint64_t done = 0; done < length;) {
      const ssize_t n =
          ::pread(fd_.get(), block.data() + done, length - done, static_cast<off_t>(begin_ - length + done));
      if (n < 0 && errno == EINTR) continue;
      if (n <= 0) throw file_error("read", path_, n < 0 ? errno : EIO);
      done += static_cast<std::uint64_t>(n);
    }
    begin_ -= length;
    buffer_.insert(0, block);
  }

  fs::path path_;
  support::UniqueFd fd_;
  std::uint64_t begin_ = 0;  ///< of the buffer, in the file
  std::uint64_t end_ = 0;
  std::string buffer_;
  bool is_at_begin_ = false;
};

}  // namespace

void append_entry(std::string& lines, const OutputEntry& entry) {
  append_number(lines, entry.attempt.task.value);
  const StoredOutput& output = entry.output;
  const std::uint64_t numbers[] = {entry.attempt.n, output.out.offset, output.out.length, output.err.offset,
                                   output.err.length};
  for (const std::uint64_t number : numbers) append_number(lines += '\t', number);
  lines += '\n';
}

void read_index(const fs::path& path, std::uint64_t begin, const std::function<void(const LocatedEntry&)>& visit,
                const std::function<void(std::uint64_t)>& on_nonsense) {
  std::ifstream index(path);
  if (!index) throw file_error("read", path, errno);
  std::string line;
  std::getline(index, line);
  check_header(path, line);
  begin = std::max<std::uint64_t>(begin, kOutputIndexHeader.size());
  index.seekg(static_cast<std::streamoff>(begin));
  for (std::uint64_t number = 2; std::getline(index, line) && !index.eof(); ++number) {
    const std::uint64_t end = begin + line.size() + 1;
    if (const auto entry = parse_entry(line))
      visit({*entry, begin, end});
    else
      on_nonsense(number);
    begin = end;
  }
  if (index.bad()) throw file_error("read", path, EIO);
}

std::optional<LocatedEntry> find_last_entry(const fs::path& path, const std::function<bool(const OutputEntry&)>& accept,
                                            const std::function<void(const OutputEntry&)>& reject) {
  std::ifstream index(path);
  std::string header;
  std::getline(index, header);
  check_header(path, header);
  LinesBackwards lines(path);
  while (const std::optional<std::string> line = lines.next()) {
    const auto entry = parse_entry(*line);
    if (!entry) continue;
    if (accept(*entry)) return LocatedEntry{*entry, lines.end() - line->size(), lines.end() + 1};
    reject(*entry);
  }
  return std::nullopt;
}

}  // namespace drover::journal
