#include "drover/cli/place_watch.hpp"

#include <chrono>
#include <string>

#include "drover/support/error.hpp"

namespace drover::cli {

namespace {

constexpr core::Duration kBetweenLooks = std::chrono::seconds(1);

Error gone_error(const std::filesystem::path& path) {
  return Error("'" + path.string() +
               "' has been removed, replaced or cut while the run went on: nothing can be recorded there any more, and "
               "what was recorded since is lost");
}

}  // namespace

void PlaceWatch::on_turn(const core::Scheduler&, core::Time now) {
  if (now < next_look_) return;
  next_look_ = now + kBetweenLooks;
  look();
}

void PlaceWatch::look() {
  if (!journal_.is_in_place()) throw gone_error(journal_.database().path());
  if (const auto file = store_.disturbed_file(); !file.empty()) throw gone_error(file);
  const std::filesystem::path view = journal_.disturbed_view();
  if (view.empty() || is_view_disturbed_) return;
  is_view_disturbed_ = true;
  say_("'" + view.string() + "' has been removed, replaced or cut: it will be made again from run.db as the run ends");
}

void PlaceWatch::finish() {
  look();
  if (is_view_disturbed_) journal_.restore_views();
  is_view_disturbed_ = false;
  look();
}

}  // namespace drover::cli
