#include "launch/verification.h"

#include <algorithm>
#include <ostream>
#include <vector>

#include "io/checkpoint_reader.h"
#include "launch/tensor_tiles.h"
#include "runtime/check.h"

namespace bam {
namespace {

using nlohmann::json;

constexpr std::size_t kMostPrinted = 20;

json damaged_tile(StateKind kind, const ParameterSpec& weight, std::int64_t begin, std::int64_t end,
                  const std::string& cause) {
  return {{"data_set", data_set_path(kind, weight.tensor)},
          {"tile", tile_index(weight, begin)},
          {"expert", weight.is_expert() ? json(weight.expert) : json()},
          {"begin", weight.first_element() + begin},
          {"end", weight.first_element() + end},
          {"cause", cause}};
}

void verify_data_set(const CheckpointReader& checkpoint, StateKind kind,
                     const ParameterSpec& tensor, json& out) {
  std::vector<float> values;
  std::int64_t tiles = 0;
  for_each_tile(tensor, [&](const ParameterSpec& weight, std::int64_t begin, std::int64_t end) {
    values.resize(static_cast<std::size_t>(end - begin));
    ++tiles;
    try {
      checkpoint.read(kind, weight, begin, end, values);
    } catch (const BadInput& error) {
      out["damaged"].push_back(damaged_tile(kind, weight, begin, end, error.what()));
    }
  });
  out["tiles"] = out["tiles"].get<std::int64_t>() + tiles;
}

std::string name_of(const json& tile) {
  const json& expert = tile["expert"];
  return message_of(tile["data_set"].get<std::string>(), ": tile ", tile["tile"].dump(),
                    expert.is_null() ? "" : message_of(", expert ", expert.dump()), ", elements ",
                    tile["begin"].dump(), " to ", tile["end"].get<std::int64_t>() - 1);
}

}  // namespace

json verification_of(const std::filesystem::path& path) {
  json out = {{"file", path.string()},
              {"whole", false},
              {"tiles", 0},
              {"damaged", json::array()},
              {"error", nullptr}};
  try {
    const CheckpointReader checkpoint(path);
    out["file"] = checkpoint.path().string();
    for (const StateKind kind : kStateKinds) {
      for (const ParameterSpec& tensor : stored_tensors(checkpoint.specs())) {
        if (checkpoint.has(kind, tensor)) {
          verify_data_set(checkpoint, kind, tensor, out);
        }
      }
    }
    out["whole"] = out["damaged"].empty();
  } catch (const BadInput& error) {
    out["error"] = error.what();
  }
  return out;
}

std::string complaint_of(const json& verification) {
  if (verification["whole"].get<bool>()) {
    return "";
  }
  if (!verification["error"].is_null()) {
    return verification["error"].get<std::string>();
  }
  const json& damaged = verification["damaged"];
  const std::string cause = damaged.front()["cause"].get<std::string>();
  return damaged.size() == 1
             ? cause
             : message_of(verification["file"].get<std::string>(), ": ", damaged.size(), " of ",
                          verification["tiles"].dump(), " tiles are damaged; the first: ", cause);
}

void print_verification(const json& verification, std::ostream& out) {
  const std::string file = verification["file"].get<std::string>();
  if (verification["whole"].get<bool>()) {
    out << file << ": whole, " << verification["tiles"] << " tiles verified\n";
    return;
  }
  const json& damaged = verification["damaged"];
  if (damaged.empty()) {
    return;
  }
  out << file << ": damaged, " << damaged.size() << " of " << verification["tiles"] << " tiles\n";
  for (std::size_t i = 0; i < std::min(damaged.size(), kMostPrinted); ++i) {
    out << "  " << name_of(damaged[i]) << "\n";
  }
  if (damaged.size() > kMostPrinted) {
    out << "  and " << damaged.size() - kMostPrinted << " more\n";
  }
}

}  // namespace bam
