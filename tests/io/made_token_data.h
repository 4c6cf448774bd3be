#pragma once

#include <vector>

#include "io/token_data_writer.h"

namespace bam {

using Ids = std::vector<std::int32_t>;

/// A token data set of the documents given (without BOS, which is 1, and EOS, which is 2), each
/// ten bytes of text a token.
inline TokenData made_token_data(const std::filesystem::path& path, const std::vector<Ids>& train,
                                 const std::vector<Ids>& validation,
                                 std::int64_t vocabulary = 100,
                                 const std::string& tokenizer_hash = "hash of a tokenizer") {
  TokenDataWriter writer(path, {"made", vocabulary, 1, 2, tokenizer_hash});
  for (const Ids& ids : train) {
    writer.append(Split::kTrain, ids, static_cast<std::int64_t>(10 * ids.size()));
  }
  for (const Ids& ids : validation) {
    writer.append(Split::kValidation, ids, static_cast<std::int64_t>(10 * ids.size()));
  }
  writer.finish();
  return TokenData::open(path);
}

}  // namespace bam
