#pragma once

#include "launch/command_line.h"
#include "launch/recipe.h"
#include "launch/run_folder.h"

namespace bam {

/// `bam pipeline VERB RECIPE` with the options that say which recipe and where; each verb adds its
/// own.
CommandLine pipeline_command_line(const std::string& usage);

/// The recipe, with what the command line changes.
proto::Recipe recipe_of(const boost::program_options::variables_map& options);

RunFolder run_folder_of(const boost::program_options::variables_map& options,
                        const proto::Recipe& recipe);

}  // namespace bam
