#include "runtime/trace.h"

#include <chrono>

#include "runtime/stream.h"

namespace bam {

std::string_view name_of(Activity activity) {
  switch (activity) {
    case Activity::kProducts:
      return "products";
    case Activity::kAttention:
      return "attention";
    case Activity::kRows:
      return "norms and activations";
    case Activity::kRouting:
      return "routing and permutation";
    case Activity::kOptimizer:
      return "optimiser";
    case Activity::kExchange:
      return "exchange";
  }
  return "?";
}

std::array<double, kActivities> Trace::seconds() const {
  std::array<double, kActivities> sums{};
  for (const Work& work : work_) {
    sums[static_cast<std::size_t>(work.activity)] += work.end - work.begin;
  }
  return sums;
}

double Trace::now() {
  return std::chrono::duration<double>(std::chrono::steady_clock::now().time_since_epoch()).count();
}

Traced::Traced(Stream& stream, Activity activity, const char* name)
    : stream_(stream),
      trace_(stream.trace()),
      activity_(activity),
      name_(name),
      begin_(Trace::now()) {
  stream.heartbeat().begin({.name = name}, begin_);
}

Traced::~Traced() {
  stream_.heartbeat().end();
  if (trace_ != nullptr) {
    trace_->add(Trace::Work{activity_, name_, begin_, Trace::now()});
  }
}

}  // namespace bam
