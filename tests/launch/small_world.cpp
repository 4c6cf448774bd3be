#include "tests/launch/small_world.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <random>

#include "io/prepare_data.h"
#include "io/text_file.h"

namespace bam {
namespace {

namespace fs = std::filesystem;

constexpr int kDocuments = 60;
constexpr int kWordsOfDocument = 120;

/// Words of a domain follow each other by a rule that a small model can learn in part.
std::string document(std::mt19937& random, const Words& words) {
  std::string text;
  std::size_t word = random() % words.size();
  for (int i = 0; i < kWordsOfDocument; ++i) {
    text += words[word] + (random() % 8 == 0 ? ".\n" : " ");
    word = random() % 3 == 0 ? random() % words.size() : (word * 5 + 3) % words.size();
  }
  return text;
}

void write_text(const fs::path& path, unsigned seed, const Words& words) {
  std::mt19937 random(seed);
  std::string lines;
  for (int i = 0; i < kDocuments; ++i) {
    const nlohmann::json line = {{"text", document(random, words)},
                                 {"split", i % 5 == 0 ? "validation" : "train"}};
    lines += line.dump() + "\n";
  }
  write_file(path, lines);
}

const char* const kAttention = "attention { experts: 4 routing: SOFT key_value: ";

}  // namespace

const SmallWorld& SmallWorld::get() {
  static const SmallWorld world;
  return world;
}

SmallWorld::SmallWorld() {
  write_text(text("law"), 1,
             {"whereas", "party", "shall", "pay", "court", "the", "of", "claim", "law", "judge",
              "to", "and", "lease", "deed", "title", "is"});
  write_text(text("code"), 2,
             {"return", "if", "(x)", "{", "}", "int", "for", "while", "x", "y", "=", "==", "0;",
              "1;", "else", "void", "+"});
  prepare_data({.domains = {{"law", {text("law")}}, {"code", {text("code")}}},
                .out = data(),
                .tokenizer = {.vocabulary = kVocabulary},
                .existing_tokenizer = {}},
               [](const std::string&) {});
  const std::string ffn = "ffn { experts: 4 top_k: 2 } }";
  write_config("dense", "");
  write_config("expert_kv", message_of("mixture { ", kAttention, "PER_EXPERT } ", ffn));
  write_config("shared_kv", message_of("mixture { ", kAttention, "SHARED } ", ffn));
  write_config("btx", "mixture { " + ffn);
}

void SmallWorld::write_config(const std::string& name, const std::string& mixture) const {
  write_file(config(name),
             message_of("model { vocabulary: ", kVocabulary, " d_model: 32 n_layers: 2 n_heads: 4 ",
                        "n_kv_heads: 2 ffn_hidden: 48\n", mixture, "}\n",
                        "data {\n  sequence_length: 32\n  domains { name: 'law' path: '",
                        tokens("law").string(), "' }\n  domains { name: 'code' path: '",
                        tokens("code").string(), "' share: 2 }\n}\n", "training { steps: ", kSteps,
                        " sequences_per_step: 12 }\n",
                        "optimizer { learning_rate: 0.003 warmup_steps: 2 }\n"));
}

Words settings(const Words& assignments) {
  Words words;
  for (const std::string& assignment : assignments) {
    words.insert(words.end(), {"--set", assignment});
  }
  return words;
}

Words train(const std::string& config, const fs::path& folder, const Words& more) {
  Words words = {"train", config, "--out", folder.string()};
  words.insert(words.end(), more.begin(), more.end());
  return words;
}

Outcome expect_code(int code, const ChildCommand& command) {
  Outcome outcome = outcome_of(command);
  EXPECT_EQ(outcome.code, code) << command.text() << "\n" << outcome.out << outcome.err;
  return outcome;
}

nlohmann::json json_in(const fs::path& file) { return nlohmann::json::parse(read_file(file)); }

std::vector<std::string> listing(const fs::path& folder) {
  std::vector<std::string> found;
  if (fs::exists(folder)) {
    for (const auto& entry : fs::recursive_directory_iterator(folder)) {
      found.push_back(entry.path().string() +
                      (entry.is_regular_file() ? ": " + read_file(entry.path()) : ""));
    }
  }
  std::ranges::sort(found);
  return found;
}

}  // namespace bam
