#include "drover/cli/run_log.hpp"

#include <spdlog/sinks/base_sink.h>
#include <spdlog/spdlog.h>

#include <memory>
#include <string_view>

#include "drover/journal/append_file.hpp"

namespace drover::cli {

namespace {

/// spdlog's own would follow a link to a file of somebody else's choice.
class FileSink final : public spdlog::sinks::base_sink<spdlog::details::null_mutex> {
 public:
  explicit FileSink(const std::filesystem::path& path) : file_(path) {}

 private:
  void sink_it_(const spdlog::details::log_msg& message) override {
    spdlog::memory_buf_t line;
    formatter_->format(message, line);
    file_.append({line.data(), line.size()});
  }
  void flush_() override { file_.flush(); }

  journal::AppendFile file_;
};

}  // namespace

void log_to(const std::filesystem::path& file, spdlog::level::level_enum level) {
  spdlog::set_default_logger(std::make_shared<spdlog::logger>("drover", std::make_shared<FileSink>(file)));
  spdlog::set_level(level);
  spdlog::flush_on(level);
  // A full disk is reported by the journal, in words of ours.
  spdlog::set_error_handler([](const std::string&) {});
}

}  // namespace drover::cli
