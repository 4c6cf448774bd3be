#include "runtime/heartbeat.h"

#include <iomanip>
#include <sstream>

namespace bam {
namespace {

// Readers may see one store and not yet the next; that is good enough for a message.
constexpr auto kRelaxed = std::memory_order_relaxed;

}  // namespace

void Heartbeat::enter(const char* phase, int layer) {
  phase_.store(phase, kRelaxed);
  layer_.store(layer, kRelaxed);
}

void Heartbeat::begin(const Operation& operation, double now) {
  operation_.store(operation.name, kRelaxed);
  group_.store(operation.group, kRelaxed);
  number_.store(operation.number, kRelaxed);
  since_.store(now, kRelaxed);
  is_over_.store(false, kRelaxed);
}

std::string Heartbeat::text(double now) const {
  std::ostringstream text;
  if (const std::int64_t step = step_.load(kRelaxed); step > 0) {
    text << "step " << step << ", ";
  }
  text << phase_.load(kRelaxed);
  if (const int layer = layer_.load(kRelaxed); layer != kNoLayer) {
    text << " of layer " << layer;
  }
  const char* operation = operation_.load(kRelaxed);
  if (operation == nullptr) {
    return std::move(text).str();
  }
  text << ": " << (is_over_.load(kRelaxed) ? "after " : "in ") << operation;
  if (const char* group = group_.load(kRelaxed)) {
    text << " " << number_.load(kRelaxed) << " of the " << group;
  }
  text << (is_over_.load(kRelaxed) ? ", begun " : " for ") << std::fixed << std::setprecision(1)
       << now - since_.load(kRelaxed) << (is_over_.load(kRelaxed) ? " s ago" : " s");
  return std::move(text).str();
}

}  // namespace bam
