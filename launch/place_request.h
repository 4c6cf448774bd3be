#pragma once

#include <cstdint>
#include <optional>
#include <span>
#include <string>
#include <vector>

#include "launch/plan_loads.h"

namespace bam {

/// What `bam plan place` is asked, as its options say; numbers are in range. What is not given is
/// as in the plan of --from, where there is one (launch/place_terms.h).
struct PlaceRequest {
  LoadSources loads;
  std::string model;                 // file; empty: only what the loads say
  std::string cluster;               // name or file; empty: not priced
  std::vector<std::string> changes;  // of config and cluster
  std::int64_t length = 0;           // 0: the config's
  std::optional<int> ranks;
  std::optional<int> nodes;
  std::optional<int> slots;
  std::optional<int> group;
  std::string rank_slots;  // numbers
  std::string speeds;      // numbers
  std::optional<SharePolicy> shares;
  double attention_cost = 0;  // 0: the model's
  std::uint64_t seed = 1;
  std::string from;  // the current plan; empty: none
  int moves = 0;     // a layer
  std::string out;
  std::string map;
  bool is_json = false;
};

/// Nothing: help was asked for, and printed. Throws BadInput, naming the option.
std::optional<PlaceRequest> read_place_request(std::span<const std::string> arguments);

}  // namespace bam
