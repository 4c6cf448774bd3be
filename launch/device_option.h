#pragma once

#include <boost/program_options.hpp>
#include <string>

#include "parallel/world.h"
#include "runtime/device.h"

namespace bam {

/// What --device and --transport name.
struct DeviceRequest {
  std::string device;
  std::string transport;
};

/// Adds --device, which goes to `named`.
void add_device_option(boost::program_options::options_description& options, std::string& named);
/// Adds --device and --transport, for commands that run on ranks.
void add_device_options(boost::program_options::options_description& options,
                        DeviceRequest& request);

/// The device of that name; "auto" is a GPU where one can be used. Throws BadInput for another name
/// and where the device cannot be used, saying why.
DeviceKind device_named(const std::string& named);

/// All ranks of the job, and what each of them computes on.
struct Workers {
  DeviceKind device;
  Communicator world;
};
/// Collective. "auto" is a GPU where every rank can use one. Throws BadInput for other names and
/// where device or transport cannot be used, saying why.
Workers workers_named(const MpiSession& session, const DeviceRequest& request);

}  // namespace bam
