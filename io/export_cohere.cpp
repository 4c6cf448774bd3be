#include "io/export_cohere.h"

#include <algorithm>
#include <cstdio>
#include <nlohmann/json.hpp>

#include "io/checkpoint_reader.h"
#include "io/cohere_config.h"
#include "io/logit_scale.h"
#include "io/output_folder.h"
#include "io/safetensors_file.h"
#include "io/text_file.h"
#include "io/tokenizer.h"
#include "runtime/check.h"

namespace bam {
namespace {

namespace fs = std::filesystem;

constexpr std::int64_t kUsualPositions = 8192;  // CohereConfig's own

/// Weights that go into one file, as they lie there.
struct Shard {
  std::string file;
  std::vector<ParameterSpec> specs;
  std::vector<SafetensorsEntry> entries;

  std::int64_t bytes() const { return entries.empty() ? 0 : entries.back().end; }
  void add(const ParameterSpec& spec, SafetensorsType type) {
    const std::int64_t begin = bytes();
    specs.push_back(spec);
    entries.push_back(
        {cohere_name_of(spec), type, spec.shape, begin, begin + spec.elements() * bytes_of(type)});
  }
};

std::string shard_name(std::size_t number, std::size_t of) {
  char name[64];
  std::snprintf(name, sizeof name, "model-%05zu-of-%05zu.safetensors", number, of);
  return name;
}

std::vector<Shard> shards_of(const std::vector<ParameterSpec>& specs,
                             const ExportRequest& request) {
  std::vector<Shard> shards(1);
  for (const ParameterSpec& spec : specs) {
    const std::int64_t bytes = spec.elements() * bytes_of(request.type);
    if (shards.back().bytes() > 0 && shards.back().bytes() + bytes > request.shard_bytes) {
      shards.emplace_back();
    }
    shards.back().add(spec, request.type);
  }
  for (std::size_t i = 0; i < shards.size(); ++i) {
    shards[i].file = shards.size() == 1 ? kSafetensorsFile : shard_name(i + 1, shards.size());
  }
  return shards;
}

std::int64_t bytes_of_all(const std::vector<Shard>& shards) {
  std::int64_t bytes = 0;
  for (const Shard& shard : shards) {
    bytes += shard.bytes();
  }
  return bytes;
}

void write_index(const fs::path& path, const std::vector<Shard>& shards) {
  nlohmann::ordered_json index = {{"metadata", {{"total_size", bytes_of_all(shards)}}}};
  for (const Shard& shard : shards) {
    for (const SafetensorsEntry& entry : shard.entries) {
      index["weight_map"][entry.name] = shard.file;
    }
  }
  write_file(path, index.dump(2) + "\n");
}

void check_request(const ExportRequest& request, const CheckpointReader& checkpoint) {
  const std::string name = checkpoint.path().string();
  check_input(!checkpoint.config().model.mixture, name,
              ": is a mixture; CohereForCausalLM is a dense model");
  check_input(request.shard_bytes > 0, "shard size: ", request.shard_bytes,
              " bytes where a positive number was expected");
}

/// Streams a checkpoint's weights into safetensors files.
class Exporter {
 public:
  Exporter(const ExportRequest& request, const CheckpointReader& checkpoint)
      : request_(request), checkpoint_(checkpoint) {}

  /// Throws BadInput unless the logit scale divides the final norm exactly.
  void check_scale(const std::vector<ParameterSpec>& specs) {
    for (const ParameterSpec& spec : specs) {
      if (is_scaled(spec)) {
        for (std::int64_t begin = 0; begin < spec.elements(); begin += kTileElements) {
          read(spec, begin);
        }
      }
    }
  }

  void write(const Shard& shard, const fs::path& folder) {
    const fs::path path = folder / shard.file;
    const std::string header = safetensors_header(shard.entries);
    write_file(path, header);
    const OpenFile file(path, OpenFile::Mode::kWrite);
    auto offset = static_cast<std::int64_t>(header.size());
    for (const ParameterSpec& spec : shard.specs) {
      for (std::int64_t begin = 0; begin < spec.elements(); begin += kTileElements) {
        read(spec, begin);
        stored_.resize(values_.size() * static_cast<std::size_t>(bytes_of(request_.type)));
        narrow(request_.type, values_, stored_);
        write_at(file.descriptor(), path, offset, stored_);
        offset += std::ssize(stored_);
      }
    }
    file.sync();
  }

 private:
  void read(const ParameterSpec& spec, std::int64_t begin) {
    const std::int64_t end = std::min(begin + kTileElements, spec.elements());
    values_.resize(static_cast<std::size_t>(end - begin));
    checkpoint_.read(StateKind::kWeight, spec, begin, end, values_);
    if (is_scaled(spec) && request_.logit_scale != 1.0) {
      divide_exactly(values_, request_.logit_scale,
                     message_of("logit scale: ", request_.logit_scale));
    }
  }

  const ExportRequest& request_;
  const CheckpointReader& checkpoint_;
  std::vector<float> values_;
  std::vector<std::byte> stored_;
};

void write_texts(const ExportRequest& request, const CheckpointReader& checkpoint,
                 const fs::path& folder) {
  const Tokenizer tokenizer =
      Tokenizer::from_bytes(checkpoint.tokenizer(), checkpoint.path().string());
  const RunConfig& config = checkpoint.config();
  write_file(folder / "tokenizer.model", checkpoint.tokenizer());
  write_file(folder / "config.json",
             cohere_config_text(config.model, {.logit_scale = request.logit_scale,
                                               .max_positions = std::max(
                                                   kUsualPositions, config.data.sequence_length),
                                               .bos = tokenizer.bos(),
                                               .eos = tokenizer.eos(),
                                               .type = request.type}));
}

}  // namespace

ExportSummary export_cohere(const ExportRequest& request) {
  const CheckpointReader checkpoint(request.checkpoint);
  check_request(request, checkpoint);
  Exporter exporter(request, checkpoint);
  exporter.check_scale(checkpoint.specs());
  const std::vector<Shard> shards = shards_of(checkpoint.specs(), request);
  OutputFolder folder(request.out, bytes_of_all(shards));
  write_texts(request, checkpoint, folder.draft());
  for (const Shard& shard : shards) {
    exporter.write(shard, folder.draft());
  }
  if (shards.size() > 1) {
    write_index(folder.draft() / kSafetensorsIndex, shards);
  }
  folder.commit();
  return {static_cast<int>(shards.size()), bytes_of_all(shards)};
}

}  // namespace bam
