#include "launch/try_tokenizer.h"

#include "io/text_file.h"
#include "io/tokenizer.h"
#include "launch/read_apart.h"

namespace bam {
namespace {

constexpr ReadLimits kLimits{.memory_bytes = std::int64_t{4} << 30, .cpu_seconds = 60};

/// Words of several scripts, and every byte: after a space and before a letter, and the reverse.
std::string sample_text() {
  std::string text =
      "The quick  brown fox\n\treturn x == 7919; \xc3\xa9t\xc3\xa9 e\xcc\x81 "
      "\xef\xbc\xa1\xef\xac\x81 \xe6\x97\xa5\xe6\x9c\xac \xd8\xa7\xd9\x84 "
      "\xf0\x9f\x98\x80 \xe2\x96\x81 <s></s><unk><0x41>";
  for (int byte = 0; byte < 256; ++byte) {
    text.append({static_cast<char>(byte), 'a', static_cast<char>(255 - byte), ' '});
  }
  return text;
}

}  // namespace

void try_tokenizer(const std::string& model, const std::string& source) {
  read_apart(source, kLimits, [&] {
    const Tokenizer tokenizer = Tokenizer::from_bytes(model, source);
    return nlohmann::json(tokenizer.decode(tokenizer.encode(sample_text())).size());
  });
}

void try_tokenizer(const std::filesystem::path& path) {
  try_tokenizer(read_file(path), path.string());
}

}  // namespace bam
