#pragma once

#include <vector>

#include "launch/jobs.h"
#include "launch/launcher.h"
#include "launch/recipe.h"

namespace bam {

/// The jobs of a recipe, in an order that makes every input before it is read: data, then for each
/// phase (upcycling and) training, then each phase's evaluation, then results and report. A job's
/// hash covers its config and its inputs' hashes; the text of the domains counts byte for byte.
/// Throws BadInput where a text file cannot be read.
std::vector<Job> jobs_of(const proto::Recipe& recipe, const RunFolder& folder,
                         const Launcher& launcher);

}  // namespace bam
