#pragma once

#include <cstdint>
#include <filesystem>
#include <map>
#include <span>
#include <string>

#include "launch/run_folder.h"
#include "proto/recipe.pb.h"

namespace bam {

/// Reads a recipe, applies `a.b=c` overrides, and checks it: names, parents, domains, every phase's
/// config. Throws BadInput naming file and field.
proto::Recipe read_recipe(const std::filesystem::path& path,
                          std::span<const std::string> overrides = {});

/// A phase's config: its own merged over the base, with the vocabulary, the data sets' paths in the
/// run folder and `init_from` filled in.
proto::RunConfig resolved_config(const proto::Recipe& recipe, const proto::Phase& phase,
                                 const RunFolder& folder);

/// Throws BadInput where there is no phase of that name.
const proto::Phase& phase_named(const proto::Recipe& recipe, const std::string& name);

/// Tokens a phase trains on.
std::int64_t phase_tokens(const proto::RunConfig& config);

/// What tables call each phase, by name.
std::map<std::string, std::string> titles_of(const proto::Recipe& recipe);

/// "seed", "branch", "mixture" or "control".
std::string name_of(proto::Phase::Kind kind);

inline constexpr std::int64_t kDefaultEvaluationTokens = 32768;

}  // namespace bam
