#pragma once

#include <boost/program_options.hpp>

#include "launch/plan_input.h"
#include "launch/plan_loads.h"
#include "parallel/planner/cost/layouts.h"

namespace bam {

/// Loads that layouts are looked at under.
struct LayoutLoads {
  LoadSources sources;            // no files: every expert gets as much as the others
  bool is_dealt_in_turn = false;  // experts on ranks as training deals them without a plan

  bool are_given() const { return !sources.ffn.empty(); }
};

void add_load_options(boost::program_options::options_description& description, LayoutLoads& loads);

/// Experts placed for the loads, a copy of each, in groups of any size; or dealt round-robin.
/// Throws BadInput, naming `config` or the file, where model, loads and options do not go together.
HoldingsOf holdings_under(const LayoutLoads& loads, const PlanInput& input,
                          const std::string& config);

/// For people: what the layouts are looked at under.
std::string text_of(const LayoutLoads& loads);

}  // namespace bam
