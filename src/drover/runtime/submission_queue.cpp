#include "drover/runtime/submission_queue.hpp"

#include <algorithm>
#include <utility>

namespace drover::runtime {

namespace {

/// Each is a line of at most a MiB.
constexpr std::size_t kMostWaiting = 256;

core::QueueShare size_of(const control::request::Submit& request) {
  core::QueueShare size{request.tasks.size(), 0};
  for (const core::TaskSpec& task : request.tasks) size.num_bytes += task.payload.size();
  return size;
}

}  // namespace

bool SubmissionQueue::add(control::RequestRef from, control::request::Submit& request) {
  const auto num_own = static_cast<std::size_t>(std::count_if(
      waiting_.begin(), waiting_.end(), [&](const Submission& other) { return other.from.client == from.client; }));
  if (num_own >= kMostWaiting - waiting_.size()) return false;
  waiting_.push_back({from, std::move(request)});
  return true;
}

std::optional<SubmissionQueue::Submission> SubmissionQueue::take(const core::QueueShare& room, core::OwnerId owner) {
  const auto may_be_queued = [&](const Submission& submission) {
    const auto known = shares_.find(submission.from.client);
    const core::QueueShare own = known != shares_.end() ? known->second : core::QueueShare{};
    return own.num_tasks < room.num_tasks && own.num_bytes < room.num_bytes;
  };
  const auto next = std::find_if(waiting_.begin(), waiting_.end(), may_be_queued);
  if (next == waiting_.end()) return std::nullopt;
  Submission submission = std::move(*next);
  waiting_.erase(next);
  const core::QueueShare size = size_of(submission.request);
  queued_[owner] = {submission.from.client, size};
  core::QueueShare& share = shares_[submission.from.client];
  share.num_tasks += size.num_tasks;
  share.num_bytes += size.num_bytes;
  return submission;
}

std::optional<SubmissionQueue::Submission> SubmissionQueue::take_any() {
  if (waiting_.empty()) return std::nullopt;
  Submission submission = std::move(waiting_.front());
  waiting_.pop_front();
  return submission;
}

/// The bytes of a submission are let go of with its last task: which of its tasks that was is not known here.
void SubmissionQueue::on_task_ended(core::OwnerId owner) {
  const auto queued = queued_.find(owner);
  if (queued == queued_.end()) return;
  const auto share = shares_.find(queued->second.client);
  --share->second.num_tasks;
  if (--queued->second.left.num_tasks > 0) return;
  share->second.num_bytes -= queued->second.left.num_bytes;
  if (share->second.num_tasks == 0) shares_.erase(share);
  queued_.erase(queued);
}

}  // namespace drover::runtime
