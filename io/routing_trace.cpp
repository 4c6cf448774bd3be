#include "io/routing_trace.h"

#include <cmath>
#include <numeric>

#include "io/strict_json.h"
#include "io/text_file.h"
#include "runtime/check.h"
#include "runtime/routing.h"

namespace bam {
namespace {

using nlohmann::json;

json pairs_json(const RoutingSums& sums) {
  json pairs = json::array();
  const auto experts = std::ssize(sums.gates);
  for (std::int64_t i = 0; !sums.pairs.empty() && i < experts; ++i) {
    for (std::int64_t j = i + 1; j < experts; ++j) {
      if (const double count = sums.pairs[pair_index(i, j, experts)]; count > 0) {
        pairs.push_back({i, j, count});
      }
    }
  }
  return pairs;
}

std::vector<double> chosen_of(const RoutingSums& sums) {
  const double slots = std::accumulate(sums.chosen.begin(), sums.chosen.end(), 0.0);
  return slots > 0 ? sums.chosen : std::vector<double>(sums.gates.size(), sums.tokens);
}

void add_entries(std::size_t layer, const char* kind, const std::vector<RoutingSums>& sums,
                 const std::vector<std::string>& domains, json& out) {
  for (std::size_t d = 0; d < sums.size(); ++d) {
    if (sums[d].tokens > 0) {
      out.push_back({{"layer", layer},
                     {"kind", kind},
                     {"domain", domains.at(d)},
                     {"tokens", sums[d].tokens},
                     {"chosen", chosen_of(sums[d])},
                     {"pairs", pairs_json(sums[d])}});
    }
  }
}

/// Reads one line of a trace.
class WindowReader {
 public:
  WindowReader(const json& window, std::string at, const std::string& domain)
      : window_(window), at_(std::move(at)), domain_(domain) {}

  TracedLoads read() {
    const json& layers = list(window_, "layers", at_);
    for (std::size_t i = 0; i < layers.size(); ++i) {
      add(layers[i], message_of(at_, ": layers[", i, "]"));
    }
    check_input(is_known_, at_, ": has no tokens of the domain ", escaped(domain_));
    check_input(!loads_.ffn.empty(), at_, ": no loads of FFN experts");
    return std::move(loads_);
  }

 private:
  static const json& member(const json& object, const char* name, const std::string& at) {
    check_input(object.is_object() && object.contains(name), at, ": ", name, ": missing");
    return object[name];
  }
  static const json& list(const json& object, const char* name, const std::string& at) {
    const json& value = member(object, name, at);
    check_input(value.is_array(), at, ": ", name, ": a JSON ", value.type_name(),
                " where a list was expected");
    return value;
  }
  static std::string text(const json& object, const char* name, const std::string& at) {
    const json& value = member(object, name, at);
    check_input(value.is_string(), at, ": ", name, ": a JSON ", value.type_name(),
                " where text was expected");
    return value.get<std::string>();
  }

  void add(const json& entry, const std::string& at) {
    constexpr std::size_t kMostLayers = 4096;
    const json& layer = member(entry, "layer", at);
    check_input(layer.is_number_unsigned() && layer.get<std::uint64_t>() < kMostLayers, at,
                ": layer: ", layer.dump(), " where a layer's number was expected");
    const std::string kind = text(entry, "kind", at);
    check_input(kind == "attention" || kind == "ffn", at, ": kind: ", escaped(kind),
                " is none of attention, ffn");
    if (!domain_.empty() && text(entry, "domain", at) != domain_) {
      return;
    }
    is_known_ = true;
    auto& layers = kind == "ffn" ? loads_.ffn : loads_.attention;
    const auto number = layer.get<std::size_t>();
    check_input(number <= layers.size(), at, ": layer: ", number, " where ", layers.size(),
                " is next");
    if (number == layers.size()) {
      layers.emplace_back();
    }
    add_loads(list(entry, "chosen", at), at, layers[number]);
  }

  static void add_loads(const json& chosen, const std::string& at, std::vector<double>& loads) {
    if (loads.empty()) {
      loads.resize(chosen.size());
    }
    check_input(loads.size() == chosen.size(), at, ": chosen: ", chosen.size(),
                " experts where another domain has ", loads.size());
    for (std::size_t expert = 0; expert < chosen.size(); ++expert) {
      const json& load = chosen[expert];
      check_input(load.is_number() && std::isfinite(load.get<double>()) && load.get<double>() >= 0,
                  at, ": chosen[", expert, "]: ", load.dump(),
                  " where a number of at least 0 was expected");
      loads[expert] += load.get<double>();
    }
  }

  const json& window_;
  std::string at_;
  const std::string& domain_;
  bool is_known_ = false;
  TracedLoads loads_;
};

}  // namespace

json routing_window(std::int64_t step, std::int64_t steps, const std::vector<LayerRouting>& layers,
                    const std::vector<std::string>& domains) {
  json entries = json::array();
  for (std::size_t layer = 0; layer < layers.size(); ++layer) {
    add_entries(layer, "attention", layers[layer].attention, domains, entries);
    add_entries(layer, "ffn", layers[layer].ffn, domains, entries);
  }
  return {{"step", step}, {"steps", steps}, {"layers", std::move(entries)}};
}

std::vector<TracedLoads> read_routing_trace(const std::filesystem::path& path,
                                            const std::string& domain) {
  const std::string text = read_file(path);
  std::vector<TracedLoads> windows;
  std::int64_t number = 0;
  for (std::size_t begin = 0; begin < text.size();) {
    const std::size_t end = std::min(text.find('\n', begin), text.size());
    const std::string at = message_of(path.string(), ":", ++number);
    const json window = parse_strict_json(std::string_view(text).substr(begin, end - begin), at);
    windows.push_back(WindowReader(window, at, domain).read());
    begin = end + 1;
  }
  check_input(!windows.empty(), path.string(), ": no windows");
  return windows;
}

}  // namespace bam
