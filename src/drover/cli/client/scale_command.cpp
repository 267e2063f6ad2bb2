#include "drover/cli/client/scale_command.hpp"

#include <cstdio>

#include "drover/cli/client/number_ranges.hpp"
#include "drover/cli/client/targets.hpp"
#include "drover/control/host_slots.hpp"

namespace drover::cli {

namespace {

constexpr std::uint32_t kMostPopulation = 65'536;

void declare_add(CLI::App& add, ScaleAddOptions& options) {
  add.add_option("--hosts", options.hosts, "Hosts with their slots, as a:8,b:8: a worker with so many slots on each")
      ->type_name("HOST[:SLOTS],...");
  add.add_option("--hostfile", options.hostfile, "Hosts with their slots, as mpirun takes them")->type_name("FILE");
  add.add_option("-n,--population", options.population,
                 "Worker ranks to add: on this host, or on each of the hosts, where the default is one")
      ->check(CLI::Range(1U, kMostPopulation));
  add.add_option("--slots", options.num_slots,
                 "Commands at once on each of them; default: as the run has it, and on hosts, a share of their slots")
      ->check(CLI::Range(1U, kMostPopulation));
  add.add_option("--via", options.via, "Spawned by the master, or joined by an mpirun of its own")
      ->capture_default_str()
      ->check(CLI::IsMember({"auto", "spawn", "join"}));
  declare_client_options(add, options.client);
}

control::WayIn way_of(const std::string& name) {
  if (name == "spawn") return control::WayIn::spawn;
  return name == "join" ? control::WayIn::join : control::WayIn::automatic;
}

const char* name_of(control::WayIn way) {
  return way == control::WayIn::join ? "joined" : "spawned";
}

control::request::ScaleAdd request_of(const ScaleAddOptions& options) {
  if (!options.hosts.empty() && !options.hostfile.empty())
    throw UsageError("--hosts and --hostfile both say where to add workers: give one of them");
  if (options.hosts.empty() && options.hostfile.empty() && options.population == 0)
    throw UsageError("nothing says how many workers to add: give --population, --hosts or --hostfile");
  control::request::ScaleAdd request;
  if (!options.hosts.empty()) request.hosts = control::parse_host_slots(options.hosts);
  if (!options.hostfile.empty()) request.hosts = control::read_hostfile(options.hostfile);
  request.population = options.population;
  request.slots_per_worker = options.num_slots;
  request.via = way_of(options.via);
  return request;
}

void print(const control::reply::ScaleAdded& added) {
  std::string hosts;
  for (const control::HostSlots& host : added.hosts) hosts += (hosts.empty() ? " on " : ", ") + host.host;
  std::printf("group %u: %s %s%s\n", added.group.value, counted(added.num_workers, "worker").c_str(),
              name_of(added.via), hosts.c_str());
  std::fflush(stdout);
}

std::string ranks_text(const std::vector<core::WorkerId>& workers) {
  std::vector<control::TaskRange> ranges;
  for (const core::WorkerId worker : workers)
    append_range(ranges, {core::TaskId(worker.value), core::TaskId(worker.value)});
  return format_ranges(ranges);
}

}  // namespace

ScaleCommands declare_scale(CLI::App& app, ScaleOptions& options) {
  CLI::App* scale = app.add_subcommand("scale", "Add a group of workers to a run, or let workers go");
  scale->require_subcommand(1);
  CLI::App* add = scale->add_subcommand("add", "Add a group of workers");
  declare_add(*add, options.add);
  CLI::App* drain = scale->add_subcommand("drain", "Let workers finish what they run, and go");
  drain->add_option("target", options.drain.target, "A host, group:N or rank:N, as 'drover status' shows them")
      ->required()
      ->type_name("GROUP|HOST|RANK");
  drain->add_flag("--now", options.drain.now, "What they run is handed back and runs elsewhere");
  drain->add_flag("--wait", options.drain.wait, "Return when they have gone");
  declare_client_options(*drain, options.drain.client);
  return {add, drain};
}

int run_scale_add(const ScaleAddOptions& options) {
  const control::request::ScaleAdd request = request_of(options);
  control::ControlClient client = connect(options.client);
  client.send(control::Request(request));
  for (;;) {
    const control::ReplyLine line = await_reply(client, "the group to come");
    if (const auto* note = std::get_if<control::reply::Note>(&line.reply))
      std::fprintf(stderr, "drover: %s\n", note->text.c_str());
    else
      print(control::ControlClient::expect<control::reply::ScaleAdded>(line.reply));
    if (!line.has_more) return 0;
  }
}

int run_scale_drain(const ScaleDrainOptions& options) {
  const control::request::Drain request{parse_drain_target(options.target), options.now, options.wait};
  control::ControlClient client = connect(options.client);
  const auto draining = ask<control::reply::Draining>(client, request);
  std::printf("draining %s: %s\n", counted(draining.workers.size(), "rank").c_str(),
              ranks_text(draining.workers).c_str());
  if (!options.wait) return 0;
  std::fflush(stdout);
  const auto drained = control::ControlClient::expect<control::reply::Drained>(client.receive().reply);
  std::printf("%s left", counted(drained.num_left, "rank").c_str());
  if (drained.num_lost > 0) std::printf(", %u died before they could", drained.num_lost);
  std::printf("\n");
  return 0;
}

}  // namespace drover::cli
