#include "launch/plan_command.h"

#include <algorithm>
#include <array>
#include <iomanip>
#include <iostream>
#include <string_view>

#include "launch/exit_codes.h"
#include "launch/plan_calibrate.h"
#include "launch/plan_diff.h"
#include "launch/plan_explain.h"
#include "launch/plan_layouts.h"
#include "launch/plan_place.h"
#include "launch/plan_verify.h"
#include "runtime/check.h"

namespace bam {
namespace {

constexpr const char* kUsage = "bam plan VERB [arguments]";

struct Verb {
  std::string_view name;
  std::string_view summary;
  int (*run)(std::span<const std::string> arguments);
};

constexpr std::array kVerbs = {
    Verb{"calibrate", "measure what these ranks can do, alone or under mpirun", plan_calibrate},
    Verb{"layouts", "ways to lay a run out over a cluster: memory, step time, traffic",
         plan_layouts},
    Verb{"what-if", "the best layout as things are, and as they would be", plan_what_if},
    Verb{"place", "which expert on which rank, with which replicas, for given loads", plan_place},
    Verb{"verify", "check a plan's placement and its bounds anew", plan_verify},
    Verb{"explain", "what each rank of a plan holds, and what keeps it from being faster",
         plan_explain},
    Verb{"diff", "what differs between two plans, and what going over moves", plan_diff},
};

void print_help() {
  std::cout << kUsage << "      bam plan VERB --help\n\n";
  for (const Verb& verb : kVerbs) {
    std::cout << "  " << std::left << std::setw(12) << verb.name << verb.summary << "\n";
  }
}

}  // namespace

int plan_command(std::span<const std::string> arguments) {
  check_input(!arguments.empty(), "usage: ", kUsage, "; `bam plan --help` lists the verbs");
  const std::string& name = arguments.front();
  if (name == "--help" || name == "-h") {
    print_help();
    return kDone;
  }
  const auto found = std::ranges::find(kVerbs, name, &Verb::name);
  check_input(found != kVerbs.end(), name, ": there is no such verb; usage: ", kUsage);
  return found->run(arguments.subspan(1));
}

}  // namespace bam
