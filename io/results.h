#pragma once

#include <filesystem>
#include <map>
#include <string>
#include <vector>

#include "io/bootstrap.h"
#include "model/parameters.h"

namespace bam {

/// Documents of each domain as one model scored them.
using DomainScores = std::map<std::string, std::vector<DocumentScore>>;

/// Reads what `bam eval --json` wrote. Throws BadInput naming file and field.
DomainScores read_scores(const std::filesystem::path& file);

/// A row of the results.
struct ModelResult {
  std::string name;
  std::string kind;  // "seed", "branch", "mixture" or "control"
  ParameterCount parameters;
  std::int64_t tokens_phase = 0;
  std::int64_t tokens_cumulative = 0;  // of all phases on the way, each once
  double seconds = 0;                  // wall clock of this phase
  double flops = 0;                    // products of this phase
  std::map<std::string, Interval> perplexity;
  std::map<std::string, Interval> bits_per_byte;
  double average = 0;  // of the domains' perplexities
  double geometric_mean = 0;
};

/// perplexity(a) - perplexity(b) on one domain, resampled over the same documents.
struct Difference {
  std::string a;
  std::string b;
  std::string domain;
  Interval perplexity;
};

/// What a recipe ends in: `results.json`.
struct Results {
  std::vector<std::string> domains;
  std::vector<ModelResult> models;
  std::vector<Difference> differences;
};

/// Fills in a model's perplexities, bits per byte and averages. Throws Error where a domain is missing.
void add_scores(ModelResult& model, const std::vector<std::string>& domains,
                const DomainScores& scores);

/// Every pair of models on every domain; scores[i] belongs to models[i].
std::vector<Difference> differences_of(const std::vector<ModelResult>& models,
                                       const std::vector<std::string>& domains,
                                       const std::vector<DomainScores>& scores);

void write_results(const std::filesystem::path& file, const Results& results);
/// Throws BadInput naming the file and what is wrong with it.
Results read_results(const std::filesystem::path& file);

}  // namespace bam
