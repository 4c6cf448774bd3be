// Stands in for NCCL in a build without it.
#include "parallel/nccl_backend.h"
#include "runtime/check.h"

namespace bam {

std::string obstacle_to_nccl() { return "built without NCCL"; }

std::unique_ptr<Communicator::Backend> nccl_backend(Communicator::Backend& /*bootstrap*/) {
  throw Error(obstacle_to_nccl());
}

}  // namespace bam
