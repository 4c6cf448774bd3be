#include "io/results.h"

#include <cmath>
#include <nlohmann/json.hpp>

#include "io/text_file.h"
#include "runtime/check.h"

namespace bam {

using nlohmann::ordered_json;

void to_json(ordered_json& json, const Interval& interval) {
  json = {{"value", interval.value}, {"low", interval.low}, {"high", interval.high}};
}

void from_json(const ordered_json& json, Interval& interval) {
  interval = {json.at("value"), json.at("low"), json.at("high")};
}

void to_json(ordered_json& json, const Difference& difference) {
  json = {{"a", difference.a}, {"b", difference.b}, {"domain", difference.domain}};
  json.update(ordered_json(difference.perplexity));
}

void from_json(const ordered_json& json, Difference& difference) {
  difference = {json.at("a"), json.at("b"), json.at("domain"), json.get<Interval>()};
}

void to_json(ordered_json& json, const ModelResult& model) {
  json = {{"name", model.name},
          {"kind", model.kind},
          {"parameters", {{"total", model.parameters.total}, {"active", model.parameters.active}}},
          {"tokens", {{"phase", model.tokens_phase}, {"cumulative", model.tokens_cumulative}}},
          {"seconds", model.seconds},
          {"flops", model.flops},
          {"perplexity", model.perplexity},
          {"bits_per_byte", model.bits_per_byte},
          {"average", model.average},
          {"geometric_mean", model.geometric_mean}};
}

void from_json(const ordered_json& json, ModelResult& model) {
  json.at("name").get_to(model.name);
  json.at("kind").get_to(model.kind);
  json.at("parameters").at("total").get_to(model.parameters.total);
  json.at("parameters").at("active").get_to(model.parameters.active);
  json.at("tokens").at("phase").get_to(model.tokens_phase);
  json.at("tokens").at("cumulative").get_to(model.tokens_cumulative);
  json.at("seconds").get_to(model.seconds);
  json.at("flops").get_to(model.flops);
  json.at("perplexity").get_to(model.perplexity);
  json.at("bits_per_byte").get_to(model.bits_per_byte);
  json.at("average").get_to(model.average);
  json.at("geometric_mean").get_to(model.geometric_mean);
}

void from_json(const ordered_json& json, DocumentScore& document) {
  document = {json.at("nll"), json.at("tokens"), json.at("bytes")};
}

namespace {

/// What `read` makes of the file's JSON; its complaints become BadInput naming the file.
template <class Read>
auto with_json(const std::filesystem::path& file, const Read& read) {
  try {
    return read(ordered_json::parse(read_file(file)));
  } catch (const ordered_json::exception& error) {
    throw BadInput(message_of(file.string(), ": ", error.what()));
  }
}

const std::vector<DocumentScore>& documents_of(const DomainScores& scores,
                                               const std::string& domain) {
  const auto found = scores.find(domain);
  check(found != scores.end(), "domain ", domain, " was not evaluated");
  return found->second;
}

}  // namespace

DomainScores read_scores(const std::filesystem::path& file) {
  return with_json(file, [](const ordered_json& json) {
    DomainScores scores;
    for (const auto& [domain, value] : json.at("domains").items()) {
      value.at("documents").get_to(scores[domain]);
    }
    return scores;
  });
}

void add_scores(ModelResult& model, const std::vector<std::string>& domains,
                const DomainScores& scores) {
  double sum = 0;
  double log_sum = 0;
  for (const auto& domain : domains) {
    const auto& documents = documents_of(scores, domain);
    model.perplexity[domain] = bootstrap(documents, perplexity_of);
    model.bits_per_byte[domain] = bootstrap(documents, bits_per_byte_of);
    sum += model.perplexity[domain].value;
    log_sum += std::log(model.perplexity[domain].value);
  }
  const auto count = static_cast<double>(domains.size());
  model.average = sum / count;
  model.geometric_mean = std::exp(log_sum / count);
}

std::vector<Difference> differences_of(const std::vector<ModelResult>& models,
                                       const std::vector<std::string>& domains,
                                       const std::vector<DomainScores>& scores) {
  std::vector<Difference> differences;
  for (std::size_t a = 0; a < models.size(); ++a) {
    for (std::size_t b = a + 1; b < models.size(); ++b) {
      for (const auto& domain : domains) {
        differences.push_back({models[a].name, models[b].name, domain,
                               paired_bootstrap(documents_of(scores[a], domain),
                                                documents_of(scores[b], domain), perplexity_of)});
      }
    }
  }
  return differences;
}

void write_results(const std::filesystem::path& file, const Results& results) {
  const ordered_json json = {{"models", results.models},
                             {"differences", results.differences},
                             {"domains", results.domains}};
  write_file(file, json.dump(2) + "\n");
}

Results read_results(const std::filesystem::path& file) {
  return with_json(file, [](const ordered_json& json) {
    Results results;
    json.at("domains").get_to(results.domains);
    json.at("models").get_to(results.models);
    json.at("differences").get_to(results.differences);
    return results;
  });
}

}  // namespace bam
