// What a GPU reaches: gpu_bench [cpu] [small] [kernels] [routing] [steps]. Two ceilings measured
// first (products of 8192^3 in bf16, and a copy of 1 GiB), then every kernel at the sizes of the
// paper's 2B model against the one that bounds it, then whole steps without the optimiser; of these
// parts all, or those that are named. One line each. `small`: a sixty-fourth of the rows, to try
// the program out; so on a CPU.
//   gpu_bench profile MODEL    two steps of three layers of one of the models, for a profiler
#include <algorithm>
#include <iostream>
#include <string>
#include <vector>

#include "runtime/check.h"
#include "runtime/device.h"
#include "tests/bench/gpu_kernels.h"
#include "tests/bench/gpu_routing.h"
#include "tests/bench/gpu_steps.h"

namespace bam {
namespace {

struct Request {
  DeviceKind kind = DeviceKind::kCuda;
  BenchSize size = BenchSize::kWhole;
  std::vector<std::string> parts;
  std::string profiled;

  bool has(const char* part) const { return parts.empty() || std::ranges::count(parts, part) > 0; }
};

Request request_of(const std::vector<std::string>& words) {
  Request request;
  for (std::size_t i = 0; i < words.size(); ++i) {
    if (words[i] == "cpu") {
      request.kind = DeviceKind::kCpu;
      request.size = BenchSize::kSmall;
    } else if (words[i] == "small") {
      request.size = BenchSize::kSmall;
    } else if (words[i] == "profile" && i + 1 < words.size()) {
      request.profiled = words[++i];
    } else if (words[i] == "kernels" || words[i] == "routing" || words[i] == "steps") {
      request.parts.push_back(words[i]);
    } else if (words[i] != "cuda") {
      throw Error(words[i] + " is none of: cpu, small, kernels, routing, steps, profile MODEL");
    }
  }
  return request;
}

void lines(GpuTable& table, const Request& request) {
  table.measure_ceilings();
  if (request.has("kernels")) {
    kernel_lines(table);
  }
  if (request.has("routing")) {
    routing_lines(table);
  }
  if (request.has("steps")) {
    step_lines(table);
  }
}

int run(const Request& request) {
  const std::string obstacle = obstacle_to(request.kind);
  if (!obstacle.empty()) {
    std::cout << "skipped: " << obstacle << std::endl;
    return 77;
  }
  const std::string missing = obstacle_to_cudnn();
  std::cout << (missing.empty() ? "cuDNN: found" : "cuDNN: none: " + missing) << std::endl;
  GpuTable table(request.kind, request.size);
  if (request.profiled.empty()) {
    lines(table, request);
  } else {
    profile_steps(table, request.profiled);
  }
  return 0;
}

}  // namespace
}  // namespace bam

int main(int argc, char** argv) {
  try {
    return bam::run(bam::request_of({argv + 1, argv + argc}));
  } catch (const bam::Error& error) {
    std::cerr << "gpu_bench: " << error.what() << std::endl;
    return 1;
  }
}
