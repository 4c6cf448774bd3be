// What a GPU reaches: gpu_bench [cuda|cpu] [small]. Two ceilings measured first (products of 8192^3
// in bf16, and a copy of 1 GiB), then every kernel at the sizes of the paper's 2B model against the
// one that bounds it, then whole steps without the optimiser. One line each. `small`: a
// sixty-fourth of the rows, to try the program out; so on a CPU.
#include <algorithm>
#include <iostream>
#include <string>

#include "runtime/device.h"
#include "tests/bench/gpu_kernels.h"
#include "tests/bench/gpu_routing.h"
#include "tests/bench/gpu_steps.h"

namespace bam {
namespace {

int run(DeviceKind kind, BenchSize size) {
  const std::string obstacle = obstacle_to(kind);
  if (!obstacle.empty()) {
    std::cout << "skipped: " << obstacle << std::endl;
    return 77;
  }
  const std::string missing = obstacle_to_cudnn();
  std::cout << (missing.empty() ? "cuDNN: found" : "cuDNN: none: " + missing) << std::endl;
  GpuTable table(kind, size);
  table.measure_ceilings();
  kernel_lines(table);
  routing_lines(table);
  step_lines(table);
  return 0;
}

}  // namespace
}  // namespace bam

int main(int argc, char** argv) {
  const std::vector<std::string> words(argv + 1, argv + argc);
  const auto has = [&](const char* word) { return std::ranges::count(words, word) > 0; };
  return bam::run(has("cpu") ? bam::DeviceKind::kCpu : bam::DeviceKind::kCuda,
                  has("cpu") || has("small") ? bam::BenchSize::kSmall : bam::BenchSize::kWhole);
}
