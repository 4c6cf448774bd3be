#pragma once

#include <memory>
#include <string>

#include "parallel/communicator.h"

namespace bam {

/// Why this process cannot use NCCL, as in "built without NCCL"; empty if it can.
std::string obstacle_to_nccl();

/// Collective: NCCL among the ranks of `bootstrap`, which brings them together and is not needed
/// after that. Each computes on a GPU of its own, or has an NCCL_HOSTID of its own in its
/// environment. Tensors of that GPU are all it moves; bytes of the host go by way of the GPU.
///
/// Work is put on a stream of NCCL's own, which waits for what the compute stream was given before;
/// a Pending's wait makes the compute stream wait for it, and the host for nothing. Only what goes
/// to the host (broadcast, all_gather, barrier) has the host wait. Transfers can be part of a
/// Recording: all that is put on that stream comes after what the compute stream was given, and
/// NCCL itself orders what is recorded with what is not (its NCCL_GRAPH_MIXING_SUPPORT is on by
/// default).
/// A Recording goes before the communicator whose transfers are in it: NCCL waits for that.
std::unique_ptr<Communicator::Backend> nccl_backend(Communicator::Backend& bootstrap);

}  // namespace bam
