#include "launch/mpi_launcher.h"

#include <sched.h>
#include <unistd.h>

#include <algorithm>
#include <csignal>
#include <fstream>
#include <set>

namespace bam {
namespace {

/// mpirun finds a host that was cut off within 20 seconds; by itself it takes eight minutes.
const std::vector<std::string> kFindsLostHosts = {"--mca", "oob_tcp_keepalive_time",   "5",
                                                  "--mca", "oob_tcp_keepalive_intvl",  "5",
                                                  "--mca", "oob_tcp_keepalive_probes", "3"};

int number_in(const std::filesystem::path& file, int otherwise) {
  int number = otherwise;
  std::ifstream(file) >> number;
  return number;
}

void append(std::vector<std::string>& words, const std::vector<std::string>& more) {
  words.insert(words.end(), more.begin(), more.end());
}

}  // namespace

Processors available_processors() {
  cpu_set_t allowed;
  CPU_ZERO(&allowed);
  if (sched_getaffinity(0, sizeof(allowed), &allowed) != 0) {
    return {};
  }
  std::set<std::pair<int, int>> cores;
  Processors found{0, 0};
  for (int cpu = 0; cpu < CPU_SETSIZE; ++cpu) {
    if (CPU_ISSET(cpu, &allowed)) {
      const std::filesystem::path topology =
          "/sys/devices/system/cpu/cpu" + std::to_string(cpu) + "/topology";
      cores.emplace(number_in(topology / "physical_package_id", 0),
                    number_in(topology / "core_id", cpu));
      ++found.threads;
    }
  }
  found.cores = static_cast<int>(cores.size());
  return found;
}

ChildCommand MpiLauncher::alone(std::vector<std::string> arguments) const {
  ChildCommand command{{program.string()}, {}};
  command.environment["OMP_NUM_THREADS"] = std::to_string(processors.cores);
  append(command.words, arguments);
  return command;
}

ChildCommand MpiLauncher::on_ranks(std::int64_t ranks, std::vector<std::string> arguments) const {
  const auto threads = std::max<std::int64_t>(1, processors.cores / ranks);
  ChildCommand command{{"mpirun", "-n", std::to_string(ranks)}, {}};
  // mpirun hands this one to its ranks, which finish their step and write a checkpoint; at SIGINT
  // and SIGTERM it kills them after a second.
  command.stop_signal = SIGUSR1;
  if (is_root) {
    command.words.emplace_back("--allow-run-as-root");
  }
  if (!hostfile.empty()) {
    // Each host deals out its own slots; threads are what the hosts' users set.
    append(command.words, {"--hostfile", hostfile.string(), "-x", "OMP_NUM_THREADS"});
    append(command.words, kFindsLostHosts);
  } else if (ranks > processors.cores) {
    append(command.words, {"--oversubscribe", "--bind-to", "none", "-x", "OMP_NUM_THREADS=1"});
  } else {
    append(command.words, {"--map-by", "slot:PE=" + std::to_string(threads), "--bind-to", "core",
                           "-x", "OMP_NUM_THREADS=" + std::to_string(threads)});
  }
  if (!has_terminal) {
    // mpirun gives its ranks a terminal even where it has none itself.
    append(command.words, {"-x", "BAM_PROGRESS=lines"});
  }
  command.words.push_back(program.string());
  append(command.words, arguments);
  return command;
}

MpiLauncher this_machine(std::filesystem::path hostfile) {
  return {std::filesystem::read_symlink("/proc/self/exe"), std::move(hostfile),
          available_processors(), geteuid() == 0, isatty(STDOUT_FILENO) == 1};
}

}  // namespace bam
