#pragma once

#include <filesystem>
#include <string>

#include "parallel/planner/model_plan.h"
#include "proto/placement.pb.h"

namespace bam {

/// A plan as the message that `bam plan` writes: placement, replicas, certificates, terms and
/// loads. What read_placement reads is a part of it.
proto::Placement message_of_plan(const ModelPlan& plan);

/// Reads a plan, or that of a checkpoint or run folder. Throws BadInput naming file, field and
/// value unless it is one that `bam plan place` could have written, certificates aside: whether
/// those hold is verify's to say.
ModelPlan read_plan(const std::filesystem::path& path);

/// The same from a message; `source` stands for the file in errors.
ModelPlan plan_of_message(const proto::Placement& message, const std::string& source);

}  // namespace bam
