#include "launch/import_command.h"

#include <iostream>

#include "io/checkpoint_reader.h"
#include "io/import_cohere.h"
#include "launch/command_line.h"
#include "launch/exit_codes.h"
#include "launch/try_tokenizer.h"

namespace bam {

int import_command(std::span<const std::string> arguments) {
  namespace options = boost::program_options;
  std::string model;
  std::string tokenizer;
  std::string out;
  CommandLine line{.usage = "bam import MODEL --tokenizer FILE --out FOLDER",
                   .options = {}, .positional = {}};
  line.options.add_options()
      ("model", options::value(&model)->required(),
       "folder of a CohereForCausalLM: config.json, model.safetensors or its shards")
      ("tokenizer", options::value(&tokenizer)->required(),
       "its SentencePiece model; as many pieces as the embedding has rows")
      ("out", options::value(&out)->required(), "folder that gets the checkpoint step-0")
      ("replace", "put it in the place of one that was imported or upcycled before");
  line.positional.add("model", 1);
  const auto values = read_command_line(std::move(line), arguments);
  if (!values) {
    return kDone;
  }
  try_tokenizer(std::filesystem::path(tokenizer));
  import_cohere({.model = model, .tokenizer = tokenizer, .out = out,
                 .replace = values->contains("replace") ? Replace::kYes : Replace::kNo});
  const ParameterCount count = count_parameters(CheckpointReader(out).config().model);
  std::cout << out << ": a dense model of " << count.total << " parameters\n";
  return kDone;
}

}  // namespace bam
