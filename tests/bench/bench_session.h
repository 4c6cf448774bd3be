#pragma once

#include <fstream>
#include <nlohmann/json.hpp>
#include <string>

#include "parallel/communicator.h"
#include "parallel/mpi_session.h"

namespace bam::bench {

/// A benchmark's main, once its options are read: run(world) under MPI. Returns the exit code.
template <class Run>
int on_ranks(Run run) {
  MpiSession session;
  return session.guarded([&] {
    Communicator world = Communicator::world(session);
    return run(world);
  });
}

/// Rank 0 writes the results, where a file was asked for.
inline void write_results(const Communicator& world, const std::string& file,
                          const nlohmann::json& results) {
  if (world.rank() == 0 && !file.empty()) {
    std::ofstream(file) << results.dump(1) << '\n';
  }
}

}  // namespace bam::bench
