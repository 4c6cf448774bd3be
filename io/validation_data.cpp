#include "io/validation_data.h"

#include <algorithm>
#include <utility>

#include "io/sequence_rows.h"
#include "runtime/check.h"
#include "runtime/cross_entropy.h"
#include "runtime/host.h"

namespace bam {

ValidationData::ValidationData(TokenData data, std::int64_t sequence_length, std::int64_t tokens,
                               int domain, bool separate_documents)
    : data_(std::move(data)),
      length_(sequence_length),
      domain_(domain),
      separate_documents_(separate_documents) {
  check(length_ > 0, "windows of ", length_, " tokens");
  const std::int64_t all = data_.documents(Split::kValidation);
  check_input(all > 0, data_.path().string(), ": /validation/tokens: empty");
  while (documents_ < all && tokens_ < tokens) {
    bytes_ += document_bytes(documents_);
    tokens_ = data_.document_offset(Split::kValidation, ++documents_);
  }
}

std::int64_t ValidationData::windows() const {
  return tokens_ == 0 ? 0 : (tokens_ - 1 + length_ - 1) / length_;
}

// Past the end of the stream there is BOS alone: it is never a target.
std::vector<std::int32_t> ValidationData::tokens_of(std::int64_t window) const {
  std::vector<std::int32_t> ids(static_cast<std::size_t>(length_) + 1, data_.info().bos);
  const std::int64_t begin = std::min(window * length_, tokens_);
  const std::int64_t end = std::min(begin + length_ + 1, tokens_);
  data_.read(Split::kValidation, begin,
             std::span(ids).first(static_cast<std::size_t>(end - begin)));
  return ids;
}

void ValidationData::fill(std::int64_t window, std::int64_t first_row, Rows& out) const {
  const std::int32_t bos = data_.info().bos;
  const auto rows = [&](std::vector<std::int32_t>& values) {
    return std::span(values).subspan(static_cast<std::size_t>(first_row),
                                     static_cast<std::size_t>(length_));
  };
  const std::vector<std::int32_t> ids = tokens_of(window);
  const std::span<const std::int32_t> inputs(ids.data(), static_cast<std::size_t>(length_));
  std::ranges::copy(inputs, rows(out.tokens).begin());
  fill_targets(std::span<const std::int32_t>(ids).subspan(1), bos, rows(out.targets));
  const std::span<std::int32_t> starts = rows(out.document_starts);
  fill_document_starts(inputs, bos, separate_documents_, first_row, starts);
  const auto past_end = starts.subspan(std::min(real_tokens(window), starts.size()));
  std::ranges::fill(past_end, past_end.empty() ? 0 : past_end.front());  // one document
}

std::size_t ValidationData::real_tokens(std::int64_t window) const {
  return static_cast<std::size_t>(std::clamp<std::int64_t>(tokens_ - window * length_, 0, length_));
}

void ValidationData::find_documents(std::int64_t window, std::span<const std::int32_t> targets,
                                    std::span<std::int64_t> documents) const {
  std::int64_t token = window * length_ + 1;  // in the stream, of the row's target
  std::int64_t document = 0;
  std::int64_t document_end = 0;
  for (std::size_t i = 0; i < targets.size(); ++i, ++token) {
    if (targets[i] == kNotScored) {
      continue;
    }
    if (token >= document_end) {
      document = data_.document_of(Split::kValidation, token);
      document_end = data_.document_offset(Split::kValidation, document + 1);
    }
    documents[i] = document;
  }
}

ValidationBatch ValidationData::batch(Stream& stream, std::int64_t first_of_all,
                                      const BatchShare& share) const {
  const std::int64_t first = first_of_all + share.first;
  const std::int64_t count = share.count;
  check(first >= 0 && count >= 0, "validation windows [", first, ", ", first + count, ")");
  const std::int64_t rows = count * length_;
  ValidationBatch out;
  const auto size = static_cast<std::size_t>(rows);
  Rows columns{std::vector<std::int32_t>(size), std::vector<std::int32_t>(size),
               std::vector<std::int32_t>(size)};
  out.documents.assign(size, -1);
  for (std::int64_t i = 0; i < count; ++i) {
    fill(first + i, i * length_, columns);
    const auto begin = static_cast<std::size_t>(i * length_);
    const auto length = static_cast<std::size_t>(length_);
    find_documents(first + i, std::span(columns.targets).subspan(begin, length),
                   std::span(out.documents).subspan(begin, length));
  }
  out.batch = {.sequences = count,
               .length = length_,
               .tokens = to_device(stream, {rows}, columns.tokens),
               .targets = to_device(stream, {rows}, columns.targets),
               .document_starts = to_device(stream, {rows}, columns.document_starts),
               .domains = std::vector<int>(static_cast<std::size_t>(count), domain_),
               .rank_sequences = share.rank_sequences,
               .rank_documents = rank_documents(
                   share, data_.info().bos, separate_documents_, [&](std::int64_t sequence) {
                     std::vector<std::int32_t> inputs = tokens_of(first_of_all + sequence);
                     const std::size_t real = real_tokens(first_of_all + sequence);
                     inputs.resize(std::min(real + 1, static_cast<std::size_t>(length_)));
                     return inputs;
                   })};
  return out;
}

}  // namespace bam
