#include "launch/device_option.h"

#include "runtime/check.h"

namespace bam {

void add_device_option(boost::program_options::options_description& options, std::string& named) {
  options.add_options()(
      "device", boost::program_options::value(&named)->default_value("cpu"),
      "cpu, cuda (an NVIDIA GPU, one rank), or auto: a GPU where there is one");
}

DeviceKind device_named(const std::string& named) {
  check_input(named == "cpu" || named == "cuda" || named == "auto", "--device: ", named,
              " where cpu, cuda or auto was expected");
  if (named == "cpu") {
    return DeviceKind::kCpu;
  }
  const std::string obstacle = obstacle_to(DeviceKind::kCuda);
  if (named == "auto") {
    return obstacle.empty() ? DeviceKind::kCuda : DeviceKind::kCpu;
  }
  check_input(obstacle.empty(), "--device cuda: ", obstacle);
  return DeviceKind::kCuda;
}

void check_ranks(DeviceKind device, int ranks) {
  check_input(device == DeviceKind::kCpu || ranks == 1, "--device ", name_of(device), ": ", ranks,
              " ranks, where a GPU serves one");
}

}  // namespace bam
