#include "launch/device_option.h"

#include "runtime/check.h"

namespace bam {
namespace {

namespace options = boost::program_options;

Transport transport_named(const std::string& named) {
  check_input(named == "auto" || named == "nccl" || named == "mpi", "--transport: ", named,
              " where auto, nccl or mpi was expected");
  if (named == "auto") {
    return Transport::kAutomatic;
  }
  return named == "nccl" ? Transport::kNccl : Transport::kMpi;
}

// One rank without a GPU keeps all of them on CPUs.
DeviceKind device_of_all(const MpiSession& session, DeviceKind found) {
  Memory memory;
  Stream stream(memory);
  Communicator ranks = Communicator::world(session);
  double on_cpu = found == DeviceKind::kCpu ? 1 : 0;
  ranks.all_reduce_sum(stream, std::span(&on_cpu, 1)).wait(stream);
  return on_cpu > 0 ? DeviceKind::kCpu : DeviceKind::kCuda;
}

}  // namespace

void add_device_option(options::options_description& description, std::string& named) {
  description.add_options()(
      "device", options::value(&named)->default_value("auto"),
      "cpu, cuda (an NVIDIA GPU a rank), or auto: GPUs where every rank has one");
}

void add_device_options(options::options_description& description, DeviceRequest& request) {
  add_device_option(description, request.device);
  description.add_options()(
      "transport", options::value(&request.transport)->default_value("auto"),
      "what moves GPUs' tensors between ranks: nccl, mpi (by way of the host), "
      "or auto: NCCL where every rank has it");
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

Workers workers_named(const MpiSession& session, const DeviceRequest& request) {
  const Transport transport = transport_named(request.transport);
  DeviceKind device = device_named(request.device);
  if (request.device == "auto") {
    device = device_of_all(session, device);
  }
  check_input(transport != Transport::kNccl || device == DeviceKind::kCuda,
              "--transport nccl: the ranks are on CPUs");
  return {device, world_on(session, device, transport)};
}

}  // namespace bam
