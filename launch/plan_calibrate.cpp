#include "launch/plan_calibrate.h"

#include <unistd.h>

#include <algorithm>
#include <array>
#include <cstring>
#include <iostream>
#include <map>

#include "io/cluster_file.h"
#include "io/text_file.h"
#include "io/text_proto.h"
#include "launch/calibration.h"
#include "launch/command_line.h"
#include "launch/exit_codes.h"
#include "launch/text_table.h"
#include "parallel/mpi_session.h"
#include "runtime/check.h"

namespace bam {
namespace {

namespace options = boost::program_options;

constexpr double kUsableMemory = 0.9;  // the rest is the system's

struct Request {
  std::string out;
  std::string name;
  CalibrationEffort effort = CalibrationEffort::kThorough;
};

/// Which ranks are on one host.
struct Hosts {
  int count = 1;
  int own = 0;    // number of this rank's host, in the order of their lowest ranks
  int place = 0;  // of this rank among its host's
  int ranks = 1;  // of each host
};

Hosts find_hosts(Stream& stream, Communicator& world) {
  using Name = std::array<char, 64>;
  Name own{};
  check(gethostname(own.data(), own.size() - 1) == 0, "gethostname: no name");
  std::vector<Name> all(static_cast<std::size_t>(world.size()));
  world.all_gather(stream, std::as_bytes(std::span(own)), std::as_writable_bytes(std::span(all)))
      .wait(stream);
  std::map<std::string, int> number;
  std::vector<int> ranks;
  Hosts hosts;
  for (int rank = 0; rank < world.size(); ++rank) {
    const std::string name(all[static_cast<std::size_t>(rank)].data());
    const auto [host, is_new] = number.emplace(name, static_cast<int>(ranks.size()));
    if (is_new) {
      ranks.push_back(0);
    }
    if (rank == world.rank()) {
      hosts.own = host->second;
      hosts.place = ranks[static_cast<std::size_t>(host->second)];
    }
    ++ranks[static_cast<std::size_t>(host->second)];
  }
  hosts.count = static_cast<int>(ranks.size());
  hosts.ranks = ranks.front();
  check_input(std::ranges::all_of(ranks, [&](int count) { return count == hosts.ranks; }),
              "the hosts have different numbers of ranks: start as many on each");
  return hosts;
}

double memory_of_a_rank(const Hosts& hosts) {
  const double pages = static_cast<double>(sysconf(_SC_PHYS_PAGES));
  return pages * static_cast<double>(sysconf(_SC_PAGESIZE)) * kUsableMemory / hosts.ranks;
}

Cluster measure(Stream& stream, Communicator& world, const Request& request,
                Disturbances& disturbances) {
  const Hosts hosts = find_hosts(stream, world);
  Cluster cluster;
  cluster.name = request.name;
  cluster.nodes = hosts.count;
  cluster.ranks_per_node = hosts.ranks;
  cluster.memory = memory_of_a_rank(hosts);
  Communicator on_host = world.split(hosts.own, hosts.place);
  Communicator across = world.split(hosts.place, hosts.own);
  if (hosts.ranks > 1) {
    cluster.links[static_cast<std::size_t>(LinkClass::kNode)] =
        measure_link(stream, world, on_host, request.effort, disturbances);
  }
  if (hosts.count > 1) {
    cluster.links[static_cast<std::size_t>(LinkClass::kNetwork)] =
        measure_link(stream, world, across, request.effort, disturbances);
  }
  cluster.fp32 =
      measure_compute(stream, world, DType::kFloat32, request.effort, disturbances);
  cluster.bf16 =
      measure_compute(stream, world, DType::kBFloat16, request.effort, disturbances);
  cluster.rows = measure_rows(stream, world, request.effort);
  if (world.size() > 1) {
    cluster.hides = measure_hiding(stream, world, request.effort);
  }
  return cluster;
}

void print_cluster(const Cluster& cluster, std::ostream& out) {
  out << cluster.name << ": " << cluster.nodes << " x " << cluster.ranks_per_node << " ranks, "
      << bytes_text(cluster.memory) << " each\nbest product: " << cluster.fp32.peak / 1e9
      << " GFLOP/s fp32, " << cluster.bf16.peak / 1e9 << " GFLOP/s bf16; copies "
      << bytes_text(cluster.rows.copy) << "/s\n";
  for (const LinkClass which : {LinkClass::kNode, LinkClass::kNetwork}) {
    const Link& link = cluster.link(which);
    if (link.bandwidth > 0) {
      out << name_of(which) << ": " << bytes_text(link.bandwidth) << "/s, " << link.latency * 1e6
          << " us\n";
    }
  }
}

int calibrate(const Request& request) {
  MpiSession session;
  return session.guarded([&] {
    Memory memory;
    Stream stream(memory);
    Communicator world = Communicator::world(session);
    Disturbances disturbances;
    const Cluster cluster = measure(stream, world, request, disturbances);
    if (world.rank() == 0) {
      for (const std::string& sentence : disturbances) {
        std::cerr << "bam: disturbed: " << sentence << "\n";
      }
      write_file(request.out,
                 "# Measured by `bam plan calibrate`.\n" + text_of(message_of_cluster(cluster)));
      print_cluster(cluster, std::cout);
    }
    return kDone;
  });
}

}  // namespace

int plan_calibrate(std::span<const std::string> arguments) {
  Request request;
  bool is_quick = false;
  CommandLine line{.usage = "bam plan calibrate --out FILE", .options = {}, .positional = {}};
  line.options.add_options()
      ("out", options::value(&request.out)->required(), "cluster file to write")
      ("name", options::value(&request.name)->default_value("measured"), "what tables call it")
      ("quick", options::bool_switch(&is_quick), "a few sizes only: seconds, but rough");
  if (!read_command_line(std::move(line), arguments)) {
    return kDone;
  }
  if (is_quick) {
    request.effort = CalibrationEffort::kQuick;
  }
  return calibrate(request);
}

}  // namespace bam
