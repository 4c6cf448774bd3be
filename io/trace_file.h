#pragma once

#include <filesystem>

#include "runtime/trace.h"

namespace bam {

/// Writes one rank's trace as Chrome trace events, which Perfetto (ui.perfetto.dev) and
/// chrome://tracing show: the rank is the process, its work a thread, and each group of transfers
/// an asynchronous slice from its start to the moment the rank knew that it was over. Times count
/// from `origin` (seconds, as in Trace). Throws BadInput where the file cannot be written.
void write_trace(const std::filesystem::path& path, const Trace& trace, int rank, double origin);

}  // namespace bam
