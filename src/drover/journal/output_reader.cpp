#include "drover/journal/output_reader.hpp"

#include <fcntl.h>

#include <algorithm>
#include <cerrno>
#include <memory>
#include <utility>

#include "drover/journal/append_file.hpp"
#include "drover/journal/output_paths.hpp"

namespace drover::journal {

namespace {

constexpr std::uint64_t kBlock = 64 * 1024;

}  // namespace

OutputReader::OutputReader(std::filesystem::path directory, OutputLayout layout)
    : directory_(std::move(directory)), layout_(layout) {
  if (layout_ != OutputLayout::combined) return;
  for (const core::Stream stream : {core::Stream::out, core::Stream::err}) {
    combined_.at(static_cast<std::size_t>(stream)) = open_file(combined_path(directory_, stream), O_RDONLY);
  }
}

void OutputReader::read(core::TaskId task, core::Stream stream, const Extent& extent, const Visitor& visit) const {
  if (extent.length == 0) return;
  const bool is_combined = layout_ == OutputLayout::combined;
  const auto path = is_combined ? combined_path(directory_, stream) : task_path(directory_, task, stream);
  const support::UniqueFd own = is_combined ? support::UniqueFd() : open_file(path, O_RDONLY);
  const int fd = is_combined ? combined_.at(static_cast<std::size_t>(stream)).get() : own.get();

  const auto block = std::make_unique_for_overwrite<char[]>(std::min(extent.length, kBlock));
  for (std::uint64_t at = 0; at < extent.length;) {
    const ssize_t n =
        ::pread(fd, block.get(), std::min(extent.length - at, kBlock), static_cast<off_t>(extent.offset + at));
    if (n < 0 && errno == EINTR) continue;
    if (n < 0) throw file_error("read", path, errno);
    if (n == 0) throw Error("cannot read '" + path.string() + "': it is shorter than was recorded");
    if (!visit({block.get(), static_cast<std::size_t>(n)})) return;
    at += static_cast<std::uint64_t>(n);
  }
}

}  // namespace drover::journal
