#include "launch/drill.h"

#include <chrono>
#include <cstdlib>
#include <limits>
#include <map>
#include <regex>
#include <thread>

#include "runtime/check.h"

namespace bam {

Drill Drill::from_environment(int rank) {
  static const std::map<std::string, Fault> kFaults = {{"nan", Fault::kNan},
                                                       {"spike", Fault::kSpike},
                                                       {"hang", Fault::kHang},
                                                       {"crash", Fault::kCrash},
                                                       {"skip", Fault::kSkip}};
  static const std::regex kForm(R"(([a-z]+)@(\d{1,9})(-(\d{1,9}))?(:(\d{1,9}))?)");
  Drill drill;
  const char* text = std::getenv("BAM_DRILL");
  if (text == nullptr) {
    return drill;
  }
  std::cmatch parts;
  const bool is_known = std::regex_match(text, parts, kForm) && kFaults.contains(parts[1]);
  check_input(is_known, "BAM_DRILL: ", text, " where FAULT@FIRST[-LAST][:RANK] was expected");
  if (parts[6].matched && std::stoi(parts[6]) != rank) {
    return drill;
  }
  drill.fault_ = kFaults.at(parts[1]);
  drill.first_ = std::stoi(parts[2]);
  drill.last_ = parts[4].matched ? std::stoi(parts[4]) : drill.first_;
  return drill;
}

void Drill::begin_step(std::int64_t data_step) const {
  while (strikes(Fault::kHang, data_step)) {
    std::this_thread::sleep_for(std::chrono::seconds(1));
  }
  if (strikes(Fault::kCrash, data_step)) {
    std::abort();
  }
}

// Norms are fp32 at every precision.
Drill::Poison::Poison(Stream& stream, ParameterStore& store)
    : stream_(stream), weight_(stream, store.at("final_norm").value), before_(weight_.values()[0]) {
  put(std::numeric_limits<float>::quiet_NaN());
}

Drill::Poison::~Poison() { put(before_); }

void Drill::Poison::put(float value) {
  weight_.values()[0] = value;
  weight_.write_back(stream_);
}

}  // namespace bam
