#pragma once

#include <cstdint>
#include <functional>
#include <string>
#include <vector>

#include "tests/faults/corruption/spoilt_run.h"

namespace bam {

/// One way to spoil a run, and what must be said of it.
struct Damage {
  std::string kind;   // "bit of the manifest": what a table counts together
  std::string what;   // which one, for people
  std::string named;  // stands in the refusal
  std::function<void()> make;
  std::function<void()> undo;
  std::int64_t step = SpoiltRun::kOlder;  // that training goes on from; -1: from none
};

/// How much of each kind is made.
struct Amount {
  std::int64_t manifest_stride = 1;    // every so many bytes of the manifest
  std::int64_t bits = 4000;            // of tiles
  std::int64_t structure_bits = 2000;  // of HDF5's own bytes
  std::int64_t bursts = 1000;          // several bytes at once, anywhere
  std::int64_t boundary_stride = 1;    // every so many tiles' boundaries
};

/// F5: flipped bits and overwritten bytes.
std::vector<Damage> flipped_bits(const SpoiltRun& run, const Amount& amount);
/// F6: cut, lengthened, a page zeroed at structural boundaries.
std::vector<Damage> cut_files(const SpoiltRun& run, const Amount& amount);
/// F7: missing, swapped, stale files.
std::vector<Damage> wrong_files(const SpoiltRun& run);

}  // namespace bam
