#include "drover/cli/parallel_options.hpp"

#include <algorithm>
#include <array>
#include <string_view>

namespace drover::cli {

namespace {

enum class Here { same, otherwise, absent };

/// An option of GNU parallel (20221122) and its other names.
struct ParallelOption {
  std::string_view names;  ///< between blanks
  Here here;
  std::string_view advice;  ///< how to say it here, or why it cannot be said
};

constexpr auto kOptions = std::to_array<ParallelOption>({
    {"-0 --null", Here::same, ""},
    {"-a --arg-file", Here::same, "standard input is not given to the first command"},
    {"--arg-sep", Here::same, ""},
    {"--arg-file-sep", Here::same, ""},
    {"-C --colsep", Here::same, "the syntax of regular expressions is RE2's"},
    {"-d --delimiter", Here::same, "one character"},
    {"--dry-run --dryrun", Here::same, ""},
    {"-E --eof", Here::same, ""},
    {"--env", Here::same, "also NAME=VALUE; once for each"},
    {"--gnu --will-cite --no-notice --group --bar --eta --progress --plain", Here::same, "taken, and without effect"},
    {"--header", Here::same, "only ':'"},
    {"-I --replace", Here::same, ""},
    {"-j -P --jobs --max-procs", Here::same, "-j 0 starts no workers: they join later; a file of procs is not read"},
    {"-k --keep-order", Here::same, ""},
    {"-L --max-lines", Here::same, ""},
    {"--lb --line-buffer --linebuffer", Here::same, ""},
    {"--link --xapply", Here::same, ""},
    {"-n --max-args", Here::same, ""},
    {"-N --max-replace-args", Here::same, "from 1 on"},
    {"-q --quote", Here::same, ""},
    {"-r --no-run-if-empty", Here::same, ""},
    {"-s --max-chars", Here::same, ""},
    {"--tag", Here::same, ""},
    {"--tagstring", Here::same, ""},
    {"--timeout", Here::same, "a duration; no percentage of the median"},
    {"--trim", Here::same, ""},
    {"-u --ungroup", Here::same, "by whole lines, as --line-buffer"},
    {"--wd --workdir", Here::same, ""},
    {"-m --xargs -X", Here::same, "arguments are not spread evenly over the workers at the end"},
    {"--halt --halt-on-error", Here::same, ""},
    {"-h --help", Here::same, ""},
    {"-V --version", Here::otherwise, "drover --version"},
    {"--retries", Here::otherwise, "counts what comes after the first try: --retries 2 for three in all"},
    {"--joblog --jl", Here::otherwise, "every run keeps joblog.tsv: --run-dir DIR says where"},
    {"--resume", Here::otherwise, "--resume DIR, the directory of the run"},
    {"--resume-failed --retry-failed", Here::otherwise, "--resume-failed DIR, the directory of the run"},
    {"--results --res --files --output-as-files --outputasfiles", Here::otherwise,
     "--output-dir DIR --output-files per-task"},
    {"-S --sshlogin", Here::otherwise, "--hosts a:8,b:8"},
    {"--sshloginfile --slf", Here::otherwise, "--hostfile FILE"},
    {"--silent", Here::otherwise, "commands are never printed; --quiet prints no outputs"},
    {"-v -t --verbose", Here::otherwise, "--dry-run prints the commands, joblog.tsv has them"},
    {"--termseq --term-seq", Here::otherwise, "--kill-after DURATION: TERM, then KILL"},
    {"--tmpdir", Here::otherwise, "outputs are kept in the run directory: --run-dir DIR"},
    {"--process-slot-var", Here::otherwise, "commands have PARALLEL_JOBSLOT and DROVER_SLOT"},
    {"--shuf", Here::otherwise, "shuf FILE | drover run ...: a run that is resumed needs the same order"},
    {"--ssh", Here::otherwise, "OMPI_MCA_plm_rsh_agent=PROGRAM in the environment"},
    {"--shebang --hashbang --shebang-wrap", Here::otherwise, "begin the file with #!/usr/bin/env -S drover run"},
    {"--sql --sql-and-worker --sql-master --sql-worker --sqlmaster --sqlworker --sqlandworker", Here::otherwise,
     "run.db in the run directory is an SQLite database of all tasks"},
    {"--total-jobs --total", Here::otherwise, "drover status"},
    {"--skip-first-line", Here::otherwise, "tail -n +2 FILE | drover run ..."},
    {"-l", Here::otherwise, "-L N"},
    {"-i", Here::otherwise, "-I WORD"},
    {"-e", Here::otherwise, "-E WORD"},
    {"-J --profile", Here::otherwise, "--config FILE"},
    {"--number-of-cores --number-of-cpus --number-of-sockets --number-of-threads", Here::otherwise, "nproc, lscpu"},
    {"--pipe --spreadstdin --pipe-part --pipepart --block --block-size --block-timeout --recstart --recend --regexp "
     "--remove-rec-sep --removerecsep --rrs --round-robin --roundrobin --round --cat --fifo --tee --bin --shard "
     "--group-by",
     Here::absent, "standard input is not cut in pieces for commands: split it into files, and give their names"},
    {"--transfer --transferfile --tf --trc --return --cleanup --basefile --bf --rsync-opts", Here::absent,
     "files are not copied to hosts: use a shared file system, or copy them in the command"},
    {"--plus --rpl --parens --er --extensionreplace --bnr --basenamereplace --dnr --dirnamereplace --bner "
     "--basenameextensionreplace --seqreplace --slotreplace --filter",
     Here::absent, "replacement strings are {} {.} {/} {//} {/.} {#} {%} and these with a position or a name"},
    {"--csv", Here::absent, "--colsep ',' splits at each comma, quotes or not"},
    {"--delay --ssh-delay", Here::absent, "tasks begin as there is room"},
    {"--load --memfree --memsuspend --noswap --limit --nice", Here::absent,
     "--slots says how much is executed at once on a host; nice is a command"},
    {"--onall --nonall", Here::absent, "a task goes to whoever is idle, not to each host"},
    {"--semaphore --semaphore-name --semaphore-timeout --st --id --fg --bg --wait", Here::absent,
     "drover is no semaphore: flock is"},
    {"--color --color-failed --cf --ctag --ctagstring --latest-line --ll", Here::absent, "outputs have no colours"},
    {"--compress --compress-program --decompress-program", Here::absent, "outputs are kept as they are"},
    {"-p --interactive --open-tty --tty -o --tmux --tmuxpane", Here::absent, "commands have no terminal"},
    {"-M --controlmaster --hostgroups --hgrp --filter-hosts --session --record-env --embed --template --tmpl "
     "--shell-quote --shell-completion --show-limits --max-line-length-allowed --minversion --exit -x "
     "--use-cores-instead-of-threads --use-cpus-instead-of-cores --use-sockets-instead-of-threads "
     "--no-keep-order",
     Here::absent, "there is nothing like it"},
});

bool has_name(std::string_view names, std::string_view name) {
  while (!names.empty()) {
    const std::string_view word = names.substr(0, names.find(' '));
    if (word == name) return true;
    names.remove_prefix(std::min(names.size(), word.size() + 1));
  }
  return false;
}

std::string_view describe(Here here) {
  switch (here) {
    case Here::same:
      return "same";
    case Here::otherwise:
      return "otherwise";
    case Here::absent:
      return "absent";
  }
  return "";
}

}  // namespace

std::string unknown_option(const std::string& name) {
  const std::string text = "unknown option '" + name + "'";
  const auto found = std::find_if(kOptions.begin(), kOptions.end(),
                                  [&name](const ParallelOption& option) { return has_name(option.names, name); });
  if (found == kOptions.end()) return text + "; see 'drover run --help'";
  return text + ", which GNU parallel has; here: " + std::string(found->advice);
}

std::string parallel_table() {
  std::string text =
      "Options of GNU parallel in 'drover run': the same, said otherwise, or absent.\n"
      "Replacement strings: {} {.} {/} {//} {/.} {#} {%} {1} {2.} {-1/} ...; sources: ::: :::+ :::: ::::+.\n\n";
  for (const Here here : {Here::same, Here::otherwise, Here::absent}) {
    for (const ParallelOption& option : kOptions) {
      if (option.here != here) continue;
      text += std::string(describe(here)) + "\t" + std::string(option.names);
      if (!option.advice.empty()) text += "\n\t  " + std::string(option.advice);
      text += "\n";
    }
  }
  return text;
}

}  // namespace drover::cli
