// Models that others trained: safetensors files and SentencePiece models.
#include <algorithm>

#include "io/safetensors_file.h"
#include "io/tokenizer.h"
#include "runtime/check.h"
#include "tests/fuzz/input_file.h"
#include "tests/fuzz/targets.h"
#include "tests/io/made_safetensors.h"
#include "tests/io/made_tokenizer_rules.h"

namespace bam {
namespace {

namespace fs = std::filesystem;

MadeSafetensors two_tensors() {
  MadeSafetensors file;
  file.header["__metadata__"] = {{"format", "pt"}};
  file.add("a", "F32", {2, 3}, bytes_of_values<float>({1, 2, 3, 4, 5, -6.5F}));
  file.add("b", "BF16", {4}, bytes_of_values<std::uint16_t>({0x3f80, 0xc000, 0, 0x7f80}));
  file.add("c", "F16", {1, 0, 2}, "");
  return file;
}

void read_tensors(std::string_view bytes) {
  const SafetensorsFile file(input_file("input.safetensors", bytes));
  std::int64_t elements = 0;
  for (const SafetensorsEntry& tensor : file.tensors()) {
    std::vector<float> values(static_cast<std::size_t>(elements_of(tensor.shape)));
    file.read(tensor, 0, values);
    elements += elements_of(tensor.shape);
  }
  check(2 * elements <= std::ssize(bytes), "more elements than bytes");
}

/// The index of a model whose two shards are sound.
void read_index(std::string_view bytes) {
  static const fs::path folder = [] {
    const fs::path made = input_folder() / "sharded";
    fs::create_directory(made);
    MadeSafetensors first;
    first.add("a", "F32", {1}, bytes_of_values<float>({1}));
    put_file(made / "1.safetensors", first.bytes());
    MadeSafetensors second;
    second.add("b", "F16", {1}, bytes_of_values<std::uint16_t>({0x4000}));
    put_file(made / "2.safetensors", second.bytes());
    return made;
  }();
  put_file(folder / kSafetensorsIndex, bytes);
  const SafetensorsModel model(folder);
  for (const std::string& name : model.names()) {
    float value = 0;
    model.read(name, 0, std::span(&value, 1));
  }
}

/// A tokenizer that is accepted must encode and decode whatever text there is.
void read_tokenizer(std::string_view bytes) {
  const Tokenizer tokenizer = Tokenizer::from_bytes(std::string(bytes), "input");
  for (const std::string text : {"", " the quick  brown fox\n", "x = 7919: return\t\xc3\xa9",
                                 "\xe2\x96\x81 \xf0\x9f\x98\x80 \xef\xbc\xa1"}) {
    const std::vector<std::int32_t> ids = tokenizer.encode(text);
    check(std::ranges::all_of(ids, [&](std::int32_t id) { return id < tokenizer.vocabulary(); }),
          "an id past the vocabulary");
    tokenizer.decode(ids);
  }
}

std::vector<std::string> tensor_seeds() {
  return {two_tensors().bytes(), MadeSafetensors().bytes()};
}

std::vector<std::string> index_seeds() {
  return {R"({"weight_map":{"a":"1.safetensors","b":"2.safetensors"}})",
          R"({"metadata":{"total_size":6},"weight_map":{"a":"1.safetensors"}})"};
}

std::vector<std::string> tokenizer_seeds() {
  const std::vector<std::string> texts(40, "the quick brown fox, return x = 7919\n");
  const TokenizerOptions unigram{.vocabulary = 280, .kind = TokenizerKind::kUnigram};
  return {made_tokenizer_320().model(), Tokenizer::train(texts, unigram).model(),
          MadeTokenizerRules("\xef\xbc\xa1", "fox").model()};
}

}  // namespace

std::vector<FuzzTarget> model_targets() {
  return {{"safetensors", read_tensors, tensor_seeds},
          {"safetensors_index", read_index, index_seeds},
          {"tokenizer", read_tokenizer, tokenizer_seeds}};
}

}  // namespace bam
