#include "plan.hpp"

#include <algorithm>
#include <cmath>
#include <sstream>

#include "drover/support/duration.hpp"

namespace drover::simulation {

namespace {

using namespace std::chrono_literals;
using core::Duration;
using core::Time;

constexpr double kMostRuntimes = 100;

Duration nanoseconds(double count) {
  return Duration(static_cast<Duration::rep>(count));
}

core::HaltPolicy draw_halt(Random& random) {
  core::HaltPolicy halt;
  if (!random.chance(0.15)) return halt;
  halt.when = random.chance(0.5) ? core::HaltPolicy::When::soon : core::HaltPolicy::When::now;
  halt.what = static_cast<core::HaltPolicy::What>(random.between(0U, 2U));
  if (random.chance(0.5))
    halt.num = random.between(1U, 20U);
  else
    halt.percent = random.between(1.0, 100.0);
  return halt;
}

core::CreditPolicy draw_credit(Random& random, Duration typical) {
  core::CreditPolicy credit;
  if (random.chance(0.5)) {
    if (random.chance(0.5)) credit.horizon = scaled(typical, random.log_between(1, 100));
    credit.max_per_slot = random.between(1U, 512U);
  } else {
    credit.fixed_per_slot = random.chance(0.5) ? 0 : random.between(1U, 20U);
  }
  return credit;
}

/// How likely a task is to be of each kind that is not `succeeds`.
struct Misbehaviour {
  double fails = 0;
  double is_flaky = 0;
  double times_out = 0;
  double cannot_start = 0;

  explicit Misbehaviour(Random& random) {
    for (double* p : {&fails, &is_flaky, &times_out, &cannot_start})
      if (random.chance(0.3)) *p = random.between(0.02, 0.25);
  }

  [[nodiscard]] Behaviour draw(Random& random) const {
    if (random.chance(fails)) return Behaviour::fails;
    if (random.chance(is_flaky)) return Behaviour::is_flaky;
    if (random.chance(times_out)) return Behaviour::times_out;
    if (random.chance(cannot_start)) return Behaviour::cannot_start;
    return Behaviour::succeeds;
  }
};

std::uint64_t draw_num_tasks(Random& random) {
  const double kind = random.unit();
  if (kind < 0.15) return random.between(0U, 5U);
  if (kind < 0.96) return random.between(1U, 100U);
  return random.between(200U, 600U);
}

/// The input in bursts over about as long as the work takes.
void draw_tasks(Plan& plan, Random& random, Duration work) {
  const std::uint64_t num = draw_num_tasks(random);
  const Misbehaviour misbehaviour(random);
  const bool comes_in_bursts = random.chance(0.4);
  const std::uint32_t most_bytes = random.chance(0.02) ? 400'000 : random.between(0U, 40U);
  Time at{};
  for (std::uint64_t i = 0; i < num; ++i) {
    if (comes_in_bursts && random.chance(0.1)) at += random.between(Duration::zero(), work / 3);
    plan.tasks.push_back({misbehaviour.draw(random), at, random.between(0U, most_bytes)});
  }
  if (random.chance(0.3)) at += random.between(Duration::zero(), work);
  plan.input_ends = at;
  if (num > 0 && random.chance(0.15))
    for (std::uint32_t i = random.between(1U, 3U); i > 0; --i)
      plan.tasks[random.between(0, num - 1)].behaviour = Behaviour::kills_worker;
}

PlannedGroup draw_group(Random& random, bool has_one_slot_each, std::uint32_t num_hosts, double stillborn) {
  PlannedGroup group;
  const std::uint32_t host = random.between(0U, num_hosts - 1);
  const bool is_on_one_host = random.chance(0.5);
  for (std::uint32_t i = random.between(1U, 4U); i > 0; --i) {
    PlannedWorker worker;
    worker.num_slots = has_one_slot_each ? 1 : random.between(1U, 8U);
    worker.slowness = random.chance(0.1) ? random.log_between(2, 20) : 1;
    worker.host = is_on_one_host ? host : random.between(0U, num_hosts - 1);
    worker.is_stillborn = random.chance(stillborn);
    group.workers.push_back(worker);
  }
  return group;
}

/// The groups that come by themselves; the first, the world's, may be empty.
void draw_groups(Plan& plan, Random& random) {
  const bool has_one_slot_each = random.chance(0.4);
  const bool come_late = random.chance(0.5);
  const std::uint32_t num_hosts = random.between(1U, 4U);
  const double stillborn = random.chance(0.2) ? 0.2 : 0;
  for (std::uint32_t i = random.between(1U, 4U); i > 0; --i) {
    PlannedGroup group = draw_group(random, has_one_slot_each, num_hosts, stillborn);
    if (come_late && !plan.groups.empty()) group.at = Time(random.between(Duration::zero(), plan.faults_end - Time()));
    plan.groups.push_back(std::move(group));
  }
  if (random.chance(0.05)) plan.groups.front().workers.clear();
}

void draw_growth(Plan& plan, Random& random) {
  core::ScalePolicy& scale = plan.policy.scale;
  const Duration lease = plan.policy.lease;
  if (random.chance(0.3)) {
    scale.max_workers = random.between(1U, 12U);
    scale.backlog = random.between(1U, 40U);
    scale.cool_down = scaled(lease, random.log_between(0.01, 3));
  }
  if (random.chance(0.3)) {
    scale.max_respawns = random.between(1U, 8U);
    scale.respawn_delay = scaled(lease, random.log_between(0.01, 1));
  }
  scale.local_host = host_name(0);
  scale.answer_wait = scaled(lease, random.log_between(0.5, 10));
  if (random.chance(0.2)) scale.idle_timeout = scaled(lease, random.log_between(0.1, 3));
  if (random.chance(0.3)) plan.growth.fails = random.between(0.1, 0.9);
  if (random.chance(0.1)) plan.growth.is_lost = random.between(0.1, 0.9);
  plan.growth.longest = scaled(lease, random.log_between(0.01, 2));
  plan.growth.blocks = random.chance(0.3);
}

void draw_faults(Plan& plan, Random& random) {
  using Kind = PlannedFault::Kind;
  struct Rule {
    Kind kind;
    double probability;  ///< that a world has it
    std::uint32_t most;
    double longest;  ///< in leases
  };
  constexpr Rule kRules[] = {
      {Kind::kill, 0.4, 6, 0},        {Kind::kill_group, 0.15, 2, 0},   {Kind::freeze, 0.35, 4, 3},
      {Kind::cut, 0.2, 2, 0},         {Kind::false_alarm, 0.1, 2, 0},   {Kind::drain, 0.25, 3, 0},
      {Kind::drain_now, 0.2, 3, 0},   {Kind::drain_group, 0.15, 2, 0},  {Kind::hold, 0.2, 3, 2},
      {Kind::pause, 0.3, 3, 3},       {Kind::spoken_pause, 0.15, 3, 3}, {Kind::stop, 0.06, 1, 0},
      {Kind::stop_later, 0.04, 1, 2}, {Kind::stop_kill, 0.06, 1, 0},    {Kind::time_limit, 0.06, 1, 4},
      {Kind::submit, 0.15, 4, 0},     {Kind::cancel, 0.15, 4, 0},       {Kind::crash, 0.15, 3, 2},
  };
  const Duration horizon = plan.faults_end - Time();
  for (const Rule& rule : kRules) {
    if (!random.chance(rule.probability)) continue;
    for (std::uint32_t i = random.between(1U, rule.most); i > 0; --i)
      plan.faults.push_back({rule.kind, Time(random.between(Duration::zero(), horizon)),
                             scaled(plan.policy.lease, random.between(0.0, rule.longest))});
  }
}

/// Lease and delays are drawn in proportion to the length of the work, or a world would be all
/// heartbeats or none.
void draw_times(Plan& plan, Random& random, Duration work) {
  plan.longest_delay = nanoseconds(random.log_between(1e3, 1e8));
  plan.shortest_delay = random.chance(0.3) ? plan.longest_delay / 2 : Duration::zero();
  plan.longest_latency = random.chance(0.5) ? Duration::zero() : plan.longest_delay / 4;
  plan.is_sound = random.chance(0.9);
  const double delays = plan.is_sound ? 60 : 2;
  plan.policy.lease = std::max(scaled(work, 1 / random.log_between(0.3, 15)),
                               scaled(plan.longest_delay, random.between(delays, 200.0)));
  plan.heartbeat = scaled(plan.policy.lease, 1 / random.between(4.0, 8.0));
  plan.master_lease = scaled(plan.policy.lease, random.between(1.5, 8.0));
  plan.policy.leave_grace = scaled(plan.policy.lease, random.between(0.3, 2.0));
  plan.policy.announce_grace = scaled(plan.policy.lease, random.between(0.5, 4.0));
  plan.policy.worker_wait = scaled(plan.policy.lease, random.between(1.0, 6.0));
  plan.faults_end = Time(scaled(std::max(work, plan.policy.lease / 4), random.between(0.3, 1.5)));
}

/// How long `num` attempts of this shape take on `num_slots` slots, roughly.
Duration work_of(std::uint64_t num, std::uint32_t num_slots, Duration typical) {
  return typical * static_cast<Duration::rep>(num) / num_slots + typical;
}

}  // namespace

Duration RuntimeShape::draw(Random& random) const {
  const double u = random.unit();
  switch (kind) {
    case Kind::constant:
      return typical;
    case Kind::uniform:
      return scaled(typical, 2 * u);
    case Kind::exponential:
      return scaled(typical, -std::log(1 - u));
    case Kind::heavy_tailed:  // Pareto with index 1: most are short, and the sum is that of the few long ones
      return scaled(typical, std::min(0.3 / (1 - u), kMostRuntimes));
  }
  return typical;
}

Duration RuntimeShape::longest() const {
  return scaled(typical, kMostRuntimes);
}

Plan draw_plan(std::uint64_t seed) {
  Random random(seed);
  Plan plan;
  plan.seed = seed;
  plan.runtime.kind = static_cast<RuntimeShape::Kind>(random.between(0U, 3U));
  plan.runtime.typical = nanoseconds(random.log_between(1e3, 3.6e12));
  const Duration work = work_of(random.between(10U, 60U), random.between(2U, 20U), plan.runtime.typical);
  draw_times(plan, random, work);

  plan.policy.retry.max_retries = random.chance(0.5) ? 0 : random.between(1U, 4U);
  plan.policy.retry.first_delay = scaled(plan.policy.lease, random.log_between(0.001, 0.5));
  plan.policy.retry.longest_delay = scaled(plan.policy.retry.first_delay, random.log_between(1, 64));
  plan.policy.halt = draw_halt(random);
  plan.policy.credit = draw_credit(random, plan.runtime.typical);
  plan.policy.max_worker_kills = random.between(1U, 4U);
  plan.policy.max_host_losses = random.chance(0.5) ? 0 : random.between(1U, 5U);
  if (random.chance(0.2)) plan.policy.time_request = scaled(plan.runtime.typical, random.log_between(0.1, 10));
  if (random.chance(0.15)) plan.policy.max_queued_tasks = random.between(1U, 100U);
  if (random.chance(0.1)) plan.policy.max_queued_bytes = random.between(1U, 1000U);

  plan.loses_last_words = random.chance(0.5);
  plan.tells_of_deaths = random.chance(0.4);
  plan.performs_at_once = random.chance(0.3);
  draw_tasks(plan, random, work);
  draw_groups(plan, random);
  draw_growth(plan, random);
  plan.is_tended = random.chance(0.8);
  draw_faults(plan, random);

  plan.quiet_from = plan.faults_end;
  for (const PlannedFault& fault : plan.faults) plan.quiet_from = std::max(plan.quiet_from, fault.at + fault.length);
  plan.quiet_from = std::max(plan.quiet_from, plan.input_ends);

  // One worker might do all, each attempt as long as can be, with all its retries; and more groups may
  // die of a task than there are tasks. Only what hangs comes near this.
  const auto most_attempts = static_cast<Duration::rep>((plan.tasks.size() + 50) * (plan.policy.retry.max_retries + 8));
  plan.patience = plan.policy.lease * 100 + plan.policy.retry.longest_delay * 2;
  plan.end_limit = plan.faults_end + most_attempts * (plan.runtime.longest() + plan.longest_delay * 8) +
                   (plan.policy.retry.longest_delay + plan.policy.lease) * 200;
  return plan;
}

bool Plan::has(PlannedFault::Kind kind) const {
  return std::any_of(faults.begin(), faults.end(), [&](const PlannedFault& fault) { return fault.kind == kind; });
}

std::string host_name(std::uint32_t host) {
  return "host" + std::to_string(host);
}

std::string describe(const Plan& plan) {
  std::ostringstream out;
  const auto text = [](Duration d) { return std::to_string(std::chrono::duration<double>(d).count()) + "s"; };
  out << plan.tasks.size() << " tasks of about " << text(plan.runtime.typical) << ", " << plan.groups.size()
      << " groups, lease " << text(plan.policy.lease) << ", delay up to " << text(plan.longest_delay) << ", credit ";
  if (plan.policy.credit.fixed_per_slot)
    out << *plan.policy.credit.fixed_per_slot;
  else
    out << "auto";
  out << ", retries " << plan.policy.retry.max_retries << ", kills " << plan.policy.max_worker_kills << ", "
      << plan.faults.size() << " faults until " << text(plan.faults_end.time_since_epoch())
      << (plan.is_sound ? "" : ", unsound") << (plan.is_tended ? "" : ", untended")
      << (plan.loses_last_words ? ", loses last words" : "") << (plan.tells_of_deaths ? ", tells of deaths" : "");
  return out.str();
}

}  // namespace drover::simulation
