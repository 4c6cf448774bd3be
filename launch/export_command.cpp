#include "launch/export_command.h"

#include <cmath>
#include <iostream>

#include "io/export_cohere.h"
#include "launch/command_line.h"
#include "launch/exit_codes.h"
#include "runtime/check.h"

namespace bam {
namespace {

SafetensorsType type_of(const std::string& dtype) {
  check_input(dtype == "fp32" || dtype == "bf16", "--dtype: ", dtype, " is neither fp32 nor bf16");
  return dtype == "fp32" ? SafetensorsType::kFloat32 : SafetensorsType::kBFloat16;
}

}  // namespace

int export_command(std::span<const std::string> arguments) {
  namespace options = boost::program_options;
  std::string checkpoint;
  std::string out;
  std::string dtype;
  ExportRequest request;
  CommandLine line{.usage = "bam export CHECKPOINT --out FOLDER", .options = {}, .positional = {}};
  line.options.add_options()
      ("checkpoint", options::value(&checkpoint)->required(), "dense checkpoint or run folder")
      ("out", options::value(&out)->required(), "folder to make")
      ("dtype", options::value(&dtype)->default_value("fp32"),
       "fp32, or bf16: rounded to nearest even")
      ("shard-bytes",
       options::value(&request.shard_bytes)->default_value(request.shard_bytes),
       "a file holds at most as many, or one tensor")
      ("logit-scale", options::value(&request.logit_scale)->default_value(1.0, "1"),
       "logit_scale in config.json; the final norm's weight is divided by it, exactly or not at all");
  line.positional.add("checkpoint", 1);
  if (!read_command_line(std::move(line), arguments)) {
    return kDone;
  }
  check_input(std::isfinite(request.logit_scale) && request.logit_scale > 0, "--logit-scale: ",
              request.logit_scale, " where a positive number was expected");
  request.checkpoint = checkpoint;
  request.out = out;
  request.type = type_of(dtype);
  const ExportSummary written = export_cohere(request);
  std::cout << out << ": " << written.bytes << " bytes of weights in " << written.files
            << (written.files == 1 ? " file\n" : " files\n");
  return kDone;
}

}  // namespace bam
