#pragma once

#include <memory>

#include "parallel/communicator.h"

namespace bam {

/// `inner`, which knows the host's memory alone, with the tensors of a GPU copied to and from
/// pinned memory for it. What is sent is copied when a transfer is started, which waits for the
/// work that the stream was given before; what arrives is copied when it is waited for.
std::unique_ptr<Communicator::Backend> host_staged(std::unique_ptr<Communicator::Backend> inner);

}  // namespace bam
