#pragma once

#include <cstdint>

#include "parallel/communicator.h"
#include "parallel/mpi_session.h"

namespace bam {

/// What moves the tensors of GPUs between ranks.
enum class Transport : std::uint8_t {
  kAutomatic,  // NCCL where every rank has it, else MPI
  kNccl,
  kMpi,  // which knows the host's memory alone: by way of it
};

/// Collective: all ranks of the job, for tensors of `device`. On GPUs each rank takes one first:
/// its machine's, in turn. Ranks that then share one are told apart for NCCL, which otherwise
/// refuses them, by an NCCL_HOSTID each, where the environment has none. Throws BadInput for NCCL
/// where a rank has none of it, saying which and why.
Communicator world_on(const MpiSession& session, DeviceKind device,
                      Transport transport = Transport::kAutomatic);

}  // namespace bam
