#include "launch/run_input.h"

#include "io/field_check.h"
#include "io/text_file.h"
#include "launch/training_setup.h"

namespace bam {
namespace {

std::filesystem::path makeable(const std::filesystem::path& folder) {
  check_folder_can_be_made(folder);
  return folder;
}

}  // namespace

RunInput::RunInput(Communicator& world, const proto::RunConfig& given, const std::string& name,
                   const std::filesystem::path& run)
    : config(run_config_of(given, name)),
      config_name(name),
      text(given),
      folder(makeable(run)),
      layout(naming(name, [&] { return Layout(world, config.parallel.expert_parallel); })),
      data(naming(name,
                  [&] {
                    return open_training_data(config,
                                              world.rank() == 0 ? Verify::kYes : Verify::kNo);
                  })),
      validation(naming(name, [&] { return open_validation_data(config); })),
      tokenizer(naming(name + ": data.domains[0].path",
                       [&] { return tokenizer_beside(data.domains()[0].data); })) {}

std::int64_t RunInput::sequences_of_micro_step() const {
  return config.training.sequences_per_step / config.training.micro_steps;
}

Batch RunInput::batch(Stream& stream, std::int64_t data_step, std::int64_t micro_step) {
  return data.batch(stream, data_step, micro_step, layout.share(sequences_of_micro_step()));
}

}  // namespace bam
