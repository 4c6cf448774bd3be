#pragma once

#include <string>
#include <vector>

#include "parallel/communicator.h"
#include "parallel/planner/cost/cluster.h"

namespace bam {

/// How thoroughly to measure: kQuick takes a few sizes once, for tests.
enum class CalibrationEffort { kQuick, kThorough };

/// Sentences on measurements that something else on the machine disturbed, and what was done about
/// them (launch/monotone.h); the same on all ranks.
using Disturbances = std::vector<std::string>;

/// Measures this rank's products, attention and row kernels with every rank at it at once; the
/// means over ranks are the answer, on all of them. Larger products and longer sequences take no
/// less time.
ComputeRates measure_compute(Stream& stream, Communicator& world, DType dtype,
                             CalibrationEffort effort, Disturbances& disturbances);
RowRates measure_rows(Stream& stream, Communicator& world, CalibrationEffort effort);

/// Measures an all-to-all and a gather among the ranks of a group, over sizes, all sizes in turn
/// several times, so that what disturbs the machine for a while meets a size only once; the medians
/// count, and more bytes take no less time. Every rank of the world calls it, of any number of
/// groups at once.
Link measure_link(Stream& stream, Communicator& world, Communicator& group,
                  CalibrationEffort effort, Disturbances& disturbances);

/// The part of an exchange among all ranks that twice as long a compute beside it hides. Where
/// processors do the copying, between the ranks of one machine, that is little.
double measure_hiding(Stream& stream, Communicator& world, CalibrationEffort effort);

}  // namespace bam
