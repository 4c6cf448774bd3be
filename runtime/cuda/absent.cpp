// Stands in for runtime/cuda/ in a build without CUDA.
#include "runtime/check.h"
#include "runtime/cuda/device.h"

namespace bam::cuda {
namespace {

[[noreturn]] void refuse() { throw Error(obstacle()); }

}  // namespace

std::string obstacle() { return "built without CUDA"; }

std::string obstacle_to_cudnn() { return obstacle(); }
std::string refusal_of_cudnn(Stream& /*stream*/) { return obstacle(); }
void set_deterministic(Stream& /*stream*/, bool /*is_deterministic*/) { refuse(); }

int device_count() { return 0; }
void use_device(int /*index*/) { refuse(); }
std::string device_address() { refuse(); }
void* allocate(std::size_t /*bytes*/) { refuse(); }
void release(void* /*block*/) {}
void* allocate_pinned(std::size_t /*bytes*/) { refuse(); }
void release_pinned(void* /*block*/) {}
std::shared_ptr<Queue> make_queue(Urgency /*urgency*/) { refuse(); }
void synchronise(Stream& /*stream*/) { refuse(); }
std::int64_t waits(const Queue& /*queue*/) { refuse(); }
void copy_to_host(Stream& /*stream*/, const void* /*from*/, void* /*to*/, std::size_t /*bytes*/) {
  refuse();
}
void copy_to_device(Stream& /*stream*/, const void* /*from*/, void* /*to*/, std::size_t /*bytes*/) {
  refuse();
}
std::shared_ptr<Graph> record(Stream& /*stream*/, const std::function<void()>& /*work*/) {
  refuse();
}
void replay(Stream& /*stream*/, const Graph& /*graph*/) { refuse(); }
const Kernels& kernels() { refuse(); }

}  // namespace bam::cuda
