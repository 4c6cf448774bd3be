#include "launch/place_request.h"

#include "launch/command_line.h"
#include "runtime/check.h"

namespace bam {
namespace {

namespace options = boost::program_options;

constexpr std::int64_t kMostRanks = 1 << 20;
constexpr std::int64_t kMostSlots = 1 << 28;

int within(const std::string& option, std::int64_t value, std::int64_t least, std::int64_t most) {
  check_input(value >= least && value <= most, option, ": ", value, " where a whole number from ",
              least, " to ", most, " was expected");
  return static_cast<int>(value);
}

/// A whole number in range, where the option is given.
std::optional<int> given(const options::variables_map& values, const char* name, std::int64_t least,
                         std::int64_t most) {
  if (!values.contains(name)) {
    return std::nullopt;
  }
  return within(std::string("--") + name, values[name].as<std::int64_t>(), least, most);
}

std::optional<SharePolicy> shares_of(const std::string& name) {
  check_input(name.empty() || name == "equal" || name == "free", "--shares: ", name,
              " is none of equal, free");
  return name.empty() ? std::nullopt
                      : std::optional(name == "free" ? SharePolicy::kFree : SharePolicy::kEqual);
}

/// Options that need each other, and numbers that are not whole.
void check_together(const PlaceRequest& request) {
  check_input(request.from.empty() == (request.moves == 0),
              "--from and --moves: one is of no use without the other");
  check_input(request.ranks || !request.from.empty(), "--ranks: missing");
  check_input(request.cluster.empty() || !request.model.empty(),
              "--cluster: goes with --model, the run to price");
  check_input(request.changes.empty() || !request.cluster.empty(), "--set: goes with --cluster");
  check_input(request.attention_cost >= 0, "--attention-cost: ", request.attention_cost,
              " where a number above 0 was expected");
  check_input(request.length >= 0, "--sequence-length: ", request.length, " is negative");
}

}  // namespace

std::optional<PlaceRequest> read_place_request(std::span<const std::string> arguments) {
  PlaceRequest request;
  std::int64_t moves = 0, seed = 1;
  std::string shares;
  CommandLine line{.usage = "bam plan place --loads FILE... --ranks N [--out PLAN]",
                   .options = {},
                   .positional = {}};
  line.options.add_options()
      ("loads", options::value(&request.loads.ffn)->required()->composing()->multitoken(),
       "tokens of each FFN expert, [layer][expert]: .csv or .json, or the routing.jsonl of a run; "
       "several files are several windows")
      ("domain", options::value(&request.loads.domain),
       "of a routing trace, this domain's tokens alone")
      ("attention-loads", options::value(&request.loads.attention)->composing()->multitoken(),
       "the same of the attention experts (default: what the loads say, else soft routing's)")
      ("model", options::value(&request.model), "run or model config: which experts there are")
      ("sequence-length", options::value(&request.length)->default_value(0, "the config's"),
       "tokens of a sequence, for the cost of attention (without a config 2048)")
      ("attention-cost", options::value(&request.attention_cost)->default_value(0, "by operations"),
       "load of a token at an attention expert; at an FFN expert it is 1")
      ("cluster", options::value(&request.cluster),
       "price the plan on this cluster (a name or file, as for layouts); --model is a run config")
      ("set", options::value(&request.changes)->composing(),
       "override a field of the run config or, as cluster.nodes=64, of the cluster")
      ("ranks", options::value<std::int64_t>(), "ranks of the expert-parallel group")
      ("nodes", options::value<std::int64_t>(), "nodes these ranks are on (default: 1)")
      ("slots", options::value<std::int64_t>(),
       "copies of experts on all ranks together, a layer (default: one of each expert)")
      ("rank-slots", options::value(&request.rank_slots),
       "copies each rank has memory for: N, or N0,N1,... (default: slots / ranks, rounded up)")
      ("speeds", options::value(&request.speeds), "of each rank, relative: S0,S1,...")
      ("group", options::value<std::int64_t>(),
       "so many consecutive experts stay together on a node (default: no such limit)")
      ("shares", options::value(&shares),
       "how copies divide an expert's load: equal, free (default: equal)")
      ("from", options::value(&request.from),
       "the plan that holds now, or a checkpoint or run folder with one: change it, with few moves; "
       "what is not given of ranks, nodes, slots, speeds, group and shares is as in it")
      ("moves", options::value(&moves)->default_value(0, "none"),
       "copies a layer that may move, with --from")
      ("seed", options::value(&seed)->default_value(1),
       "of the search: the same seed, the same plan")
      ("out", options::value(&request.out), "file for the plan")
      ("map", options::value(&request.map),
       "file for a picture (SVG) of each rank's load in each layer: planned, and round-robin or as "
       "--from has it")
      ("json", options::bool_switch(&request.is_json), "print JSON");
  const auto values = read_command_line(std::move(line), arguments);
  if (!values) {
    return std::nullopt;
  }
  request.ranks = given(*values, "ranks", 1, kMostRanks);
  request.nodes = given(*values, "nodes", 1, kMostRanks);
  request.slots = given(*values, "slots", 1, kMostSlots);
  request.group = given(*values, "group", 0, kMostSlots);
  request.moves = within("--moves", moves, 0, kMostSlots);
  check_input(seed >= 0, "--seed: ", seed, " is negative");
  request.seed = static_cast<std::uint64_t>(seed);
  request.shares = shares_of(shares);
  check_together(request);
  return request;
}

}  // namespace bam
