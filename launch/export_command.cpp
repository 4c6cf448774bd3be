#include "launch/export_command.h"

#include <array>
#include <cmath>
#include <iostream>

#include "io/checkpoint_reader.h"
#include "io/export_cohere.h"
#include "io/weights_copy.h"
#include "launch/command_line.h"
#include "launch/exit_codes.h"
#include "launch/try_tokenizer.h"
#include "runtime/check.h"

namespace bam {
namespace {

namespace options = boost::program_options;

/// Options that say how a Hugging Face folder is written.
constexpr std::array kSafetensorsOptions = {"dtype", "shard-bytes", "logit-scale"};

SafetensorsType type_of(const std::string& dtype) {
  check_input(dtype == "fp32" || dtype == "bf16", "--dtype: ", dtype, " is neither fp32 nor bf16");
  return dtype == "fp32" ? SafetensorsType::kFloat32 : SafetensorsType::kBFloat16;
}

void write_safetensors(ExportRequest request, const std::string& dtype) {
  check_input(std::isfinite(request.logit_scale) && request.logit_scale > 0, "--logit-scale: ",
              request.logit_scale, " where a positive number was expected");
  request.type = type_of(dtype);
  try_tokenizer(CheckpointReader(request.checkpoint).tokenizer(), request.checkpoint.string());
  const ExportSummary written = export_cohere(request);
  std::cout << request.out.string() << ": " << written.bytes << " bytes of weights in "
            << written.files << (written.files == 1 ? " file\n" : " files\n");
}

void write_hdf5(const ExportRequest& request, const options::variables_map& values) {
  for (const char* name : kSafetensorsOptions) {
    check_input(values[name].defaulted(), "--", name, ": is for --format safetensors alone");
  }
  copy_weights(request.checkpoint, request.out);
  std::cout << request.out.string() << ": the weights of " << request.checkpoint.string() << "\n";
}

}  // namespace

int export_command(std::span<const std::string> arguments) {
  std::string checkpoint;
  std::string out;
  std::string format;
  std::string dtype;
  ExportRequest request;
  CommandLine line{.usage = "bam export CHECKPOINT --out FOLDER [--format safetensors|hdf5]",
                   .options = {}, .positional = {}};
  line.options.add_options()
      ("checkpoint", options::value(&checkpoint)->required(), "checkpoint or run folder")
      ("out", options::value(&out)->required(), "folder to make")
      ("format", options::value(&format)->default_value("safetensors"),
       "safetensors: for Hugging Face transformers, dense models alone; hdf5: a checkpoint without "
       "optimiser state")
      ("dtype", options::value(&dtype)->default_value("fp32"),
       "fp32, or bf16: rounded to nearest even")
      ("shard-bytes",
       options::value(&request.shard_bytes)->default_value(request.shard_bytes),
       "a file holds at most as many, or one tensor")
      ("logit-scale", options::value(&request.logit_scale)->default_value(1.0, "1"),
       "logit_scale in config.json; the final norm's weight is divided by it, exactly");
  line.positional.add("checkpoint", 1);
  const auto values = read_command_line(std::move(line), arguments);
  if (!values) {
    return kDone;
  }
  check_input(format == "safetensors" || format == "hdf5", "--format: ", format,
              " is neither safetensors nor hdf5");
  request.checkpoint = checkpoint;
  request.out = out;
  if (format == "hdf5") {
    write_hdf5(request, *values);
  } else {
    write_safetensors(request, dtype);
  }
  return kDone;
}

}  // namespace bam
