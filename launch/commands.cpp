#include "launch/commands.h"

#include <array>

#include "launch/checkpoint_command.h"
#include "launch/data_command.h"
#include "launch/eval_command.h"
#include "launch/export_command.h"
#include "launch/generate_command.h"
#include "launch/import_command.h"
#include "launch/inspect_command.h"
#include "launch/pipeline_command.h"
#include "launch/plan_command.h"
#include "launch/report_command.h"
#include "launch/train_command.h"
#include "launch/upcycle_command.h"

namespace bam {
namespace {

constexpr std::array kCommands = {
    Command{"data", "text to token data sets and a tokenizer", data_command},
    Command{"train", "train a dense model or a mixture, alone or under mpirun", train_command},
    Command{"plan", "where experts should be, whether a model fits, how long a step takes", plan_command},
    Command{"upcycle", "make a mixture's checkpoint of dense ones", upcycle_command},
    Command{"eval", "perplexity and bits per byte of a checkpoint on each domain", eval_command},
    Command{"generate", "continue a prompt with a checkpoint", generate_command},
    Command{"inspect", "what a checkpoint or config is; verify, diff, lineage, tree", inspect_command},
    Command{"checkpoint", "remove checkpoints of a run that need not stay", checkpoint_command},
    Command{"import", "a dense Hugging Face model (Cohere family) as a checkpoint", import_command},
    Command{"export", "a checkpoint as a Hugging Face model, or without optimiser state", export_command},
    Command{"report", "write the report of a run: one HTML file", report_command},
    Command{"pipeline", "run a recipe, from text to evaluated mixtures", pipeline_command},
};

}  // namespace

std::span<const Command> commands() { return kCommands; }

}  // namespace bam
