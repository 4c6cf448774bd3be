#pragma once

#include <span>
#include <string>

namespace bam {

/// `bam plan calibrate`, alone or under mpirun: measures what these ranks can do and writes it as a
/// cluster file.
int plan_calibrate(std::span<const std::string> arguments);

}  // namespace bam
