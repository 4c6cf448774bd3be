#pragma once

#include <filesystem>
#include <span>
#include <string>

#include "io/report_page.h"

namespace bam {

/// What there is to show of a run folder: a recipe's, or one training run's. Throws BadInput where it
/// holds neither.
Report report_of(const std::filesystem::path& run);

/// `bam report RUN`: writes RUN/report.html.
int report_command(std::span<const std::string> arguments);

}  // namespace bam
