// Facts as lines of JSON, for events.jsonl and for programs that follow a run.
//
// A line is one object: `t`, the Unix time in seconds with microseconds; `event`; then the fields of
// that event, in this order. Names are stable; fields may be added.
//
//   task_accepted        task owner kind(command|function) command? tag? maker?
//   task_claimed         task owner: left unfinished by an earlier session, and submitted again
//   input_ended
//   group_formed         group source(world|spawn|join) first_worker population hosts?
//   group_ended          group how(left|lost)
//   growth_requested     population reason
//   growth_failed        reason
//   host_quarantined     host reason
//   worker_joined        worker group host pid slots first_job_slot
//   worker_ended         worker how(drained|lost|refused) reason
//   worker_draining      worker
//   attempt_dispatched   task attempt worker
//   attempt_started      task attempt
//   attempt_ended        task attempt worker outcome(exited|signaled|timed_out|not_started|killed|
//                        threw) exit signal exception? reason? started runtime cpu_time max_rss_kib stdout_bytes
//                        stderr_bytes stderr_tail?
//   attempt_superseded   task attempt worker
//   attempt_handed_back  task attempt
//   attempt_lost         task attempt worker charged
//   task_delayed         task
//   task_cancel_requested  task
//   task_ended           task owner how(succeeded|failed|timed_out|cancelled|quarantined)
//   dispatch_stopped     reason(requested|halt_policy|time_limit|rollover|no_workers|internal) kill
//   session_started      session: a master takes the run up; no attempt of before will come back
//   session_ended        session how(finished|stopped|failed) exit_status reason?; without one, it was
//                        cut short
//   tasks_reopened       tasks: a list; those had ended, and are taken up again
//
// One more is for those who follow a run, and not kept:
//
//   task_progress        task attempt fraction text?
//
// `started` is Unix time as `t` is, by the worker's clock; `runtime` and `cpu_time` are seconds.
// Fields with `?` are left out when they say nothing; the payload of a function is not text and is
// left out too. Bytes that are not UTF-8 become U+FFFD, as JSON cannot hold them: a command is to be
// had byte for byte from the job log.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "drover/core/facts.hpp"

namespace drover::journal {

/// Appends `fact` to `lines` as one line, with its newline.
void append_event(std::string& lines, const core::Fact& fact, core::WallMicros now);

/// What the function of a task says of itself; a fraction from 0 to 1.
void append_task_progress(std::string& lines, const core::AttemptId& attempt, double fraction, std::string_view text,
                          core::WallMicros now);

void append_session_started(std::string& lines, std::int64_t session, core::WallMicros now);
void append_session_ended(std::string& lines, std::int64_t session, std::string_view how, int exit_status,
                          std::string_view reason, core::WallMicros now);
void append_tasks_reopened(std::string& lines, const std::vector<core::TaskId>& tasks, core::WallMicros now);

}  // namespace drover::journal
