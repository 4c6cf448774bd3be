#pragma once

#include <boost/program_options.hpp>
#include <string>

#include "runtime/device.h"

namespace bam {

/// Adds --device, which goes to `named`.
void add_device_option(boost::program_options::options_description& options, std::string& named);

/// The device of that name; "auto" is a GPU where one can be used. Throws BadInput for another name
/// and where the device cannot be used, saying why.
DeviceKind device_named(const std::string& named);

/// Throws BadInput for more than one rank on GPUs.
void check_ranks(DeviceKind device, int ranks);

}  // namespace bam
