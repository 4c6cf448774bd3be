// libFuzzer's entry: the target is named in BAM_FUZZ_TARGET.
#include <cstdint>
#include <cstdlib>
#include <iostream>

#include "runtime/check.h"
#include "tests/fuzz/targets.h"

namespace bam {
namespace {

FuzzTarget chosen_target() {
  try {
    const char* name = std::getenv("BAM_FUZZ_TARGET");
    return fuzz_target(name == nullptr ? "" : name);
  } catch (const BadInput& error) {
    std::cerr << "BAM_FUZZ_TARGET: " << error.what() << "\n";
    std::exit(2);
  }
}

}  // namespace
}  // namespace bam

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* bytes, std::size_t count) {
  static const bam::FuzzTarget target = bam::chosen_target();
  bam::feed(target, {reinterpret_cast<const char*>(bytes), count});
  return 0;
}
