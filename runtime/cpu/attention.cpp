#include "runtime/attention.h"

#include <omp.h>

#include <cmath>
#include <cstring>
#include <limits>
#include <vector>

#include "runtime/cpu/onednn.h"
#include "runtime/cpu/rows.h"

// Each block of 64 queries looks at all its keys at once: one product for the scores, a softmax over
// rows, one product for the values. Scratch is 64 x length a thread, so linear in the length.
namespace bam {
namespace {

constexpr std::int64_t kBlock = 64;

struct Problem {
  AttentionShape shape;
  const std::int32_t* rows;    // (m) key row of each query
  const std::int32_t* starts;  // (keys)
  DType dtype;
  float scale;
  std::vector<std::int64_t> first_query;  // (sequences + 1)

  std::int64_t q_stride() const { return shape.heads * shape.head_dim; }
  std::int64_t kv_stride() const { return shape.kv_heads * shape.head_dim; }
  std::int64_t group() const { return shape.heads / shape.kv_heads; }
};

// Some queries of one sequence and the keys at least one of them sees.
struct Block {
  std::int64_t first;   // query
  std::int64_t count;   // <= kBlock
  std::int64_t key;     // row of the first key
  std::int64_t keys;
};

Problem problem_of(const AttentionShape& shape, const Tensor& q, const Tensor& k, const Tensor& v,
                   const Tensor& query_rows, const Tensor& document_starts) {
  check(shape.kv_heads > 0 && shape.heads % shape.kv_heads == 0, "attention of ", shape.heads,
        " heads over ", shape.kv_heads, " key heads");
  check(q.rows() == query_rows.elements() && q.cols() == shape.heads * shape.head_dim &&
            k.shape() == v.shape() && k.rows() == shape.keys() &&
            k.cols() == shape.kv_heads * shape.head_dim &&
            document_starts.elements() == shape.keys() && q.dtype() == k.dtype() &&
            q.dtype() == v.dtype(),
        "attention of q ", text_of(q.shape()), " at ", text_of(query_rows.shape()), " over k ",
        text_of(k.shape()), ", v ", text_of(v.shape()), ", starts ",
        text_of(document_starts.shape()));
  Problem problem{.shape = shape,
                  .rows = query_rows.data<std::int32_t>(),
                  .starts = document_starts.data<std::int32_t>(),
                  .dtype = q.dtype(),
                  .scale = 1.0F / std::sqrt(static_cast<float>(shape.head_dim)),
                  .first_query = {}};
  const std::int32_t* end = problem.rows + q.rows();
  for (std::int64_t s = 0; s <= shape.sequences; ++s) {
    problem.first_query.push_back(
        std::lower_bound(problem.rows, end, s * shape.length) - problem.rows);
  }
  return problem;
}

Block block_of(const Problem& problem, std::int64_t sequence, std::int64_t first) {
  const std::int64_t last = std::min(first + kBlock, problem.first_query[sequence + 1]);
  std::int64_t key = problem.rows[first];
  for (std::int64_t i = first; i < last; ++i) {
    key = std::min<std::int64_t>(key, problem.starts[problem.rows[i]]);
  }
  const std::int64_t begin = sequence * problem.shape.length;
  const std::int64_t end = begin + problem.shape.length;
  key = begin + (key - begin) / kBlock * kBlock;
  const std::int64_t seen = problem.rows[last - 1] + 1 - key;
  return {first, last - first, key, std::min((seen + kBlock - 1) / kBlock * kBlock, end - key)};
}

// A thread's room for one block.
template <class T>
struct Scratch {
  explicit Scratch(const Problem& problem)
      : q(kBlock * problem.shape.head_dim),
        d_out(kBlock * problem.shape.head_dim),
        result(kBlock * problem.shape.head_dim),
        scores(kBlock * problem.shape.length),
        slopes(kBlock * problem.shape.length),
        weights(kBlock * problem.shape.length),
        d_scores(kBlock * problem.shape.length) {}

  std::vector<T> q, d_out;         // (64, head_dim), zero below the last query
  std::vector<float> result;       // (64, head_dim)
  std::vector<float> scores;       // (64, keys)
  std::vector<float> slopes;       // (64, keys)
  std::vector<T> weights;          // (64, keys)
  std::vector<T> d_scores;         // (64, keys)
};

// Rows of one head, packed and padded with zeros.
template <class T>
void pack(const T* values, std::int64_t stride, std::int64_t count, std::int64_t width,
          std::vector<T>& out) {
  for (std::int64_t i = 0; i < count; ++i) {
    std::memcpy(out.data() + i * width, values + i * stride,
                static_cast<std::size_t>(width) * sizeof(T));
  }
  std::fill(out.begin() + count * width, out.end(), T(0.0F));
}

cpu::MatrixRef matrix(const void* data, DType dtype, std::int64_t stride) {
  return {data, dtype, stride, 1};
}
cpu::MatrixRef flipped(const void* data, DType dtype, std::int64_t stride) {
  return {data, dtype, 1, stride};
}

// Keys that query i of the block sees: [low, high) of the block's keys.
struct Range {
  std::int64_t low;
  std::int64_t high;
};
Range range_of(const Problem& problem, const Block& block, std::int64_t i) {
  const std::int64_t row = problem.rows[block.first + i];
  return {problem.starts[row] - block.key, row + 1 - block.key};
}

template <class T>
void softmax_block(const Problem& problem, const Block& block, std::int64_t head,
                   Scratch<T>& scratch, float* inverse, float* log_sums) {
  for (std::int64_t i = 0; i < block.count; ++i) {
    const Range range = range_of(problem, block, i);
    const float* row = scratch.scores.data() + i * block.keys;
    T* out = scratch.weights.data() + i * block.keys;
    float largest = -std::numeric_limits<float>::infinity();
#pragma omp simd reduction(max : largest)
    for (std::int64_t j = range.low; j < range.high; ++j) {
      largest = std::max(largest, row[j]);
    }
    largest *= problem.scale;
    float sum = 0;
    std::fill_n(out, range.low, T(0.0F));
#pragma omp simd reduction(+ : sum)
    for (std::int64_t j = range.low; j < range.high; ++j) {
      const float weight = cpu::fast_exp(row[j] * problem.scale - largest);
      sum += weight;
      out[j] = T(weight);
    }
    std::fill(out + range.high, out + block.keys, T(0.0F));
    inverse[i] = 1.0F / sum;
    log_sums[(block.first + i) * problem.shape.heads + head] = largest + std::log(sum);
  }
  std::fill(scratch.weights.begin() + block.count * block.keys,
            scratch.weights.begin() + kBlock * block.keys, T(0.0F));
}

template <class T>
void attend_block(const Problem& problem, const Block& block, std::int64_t head, const T* q,
                  const T* k, const T* v, T* out, float* log_sums, Scratch<T>& scratch) {
  const std::int64_t width = problem.shape.head_dim;
  const std::int64_t kv_offset = block.key * problem.kv_stride() + head / problem.group() * width;
  const std::int64_t q_offset = block.first * problem.q_stride() + head * width;
  pack(q + q_offset, problem.q_stride(), block.count, width, scratch.q);
  cpu::product(kBlock, width, block.keys, matrix(scratch.q.data(), problem.dtype, width),
               flipped(k + kv_offset, problem.dtype, problem.kv_stride()), scratch.scores.data(),
               DType::kFloat32, block.keys, false);
  float inverse[kBlock];
  softmax_block(problem, block, head, scratch, inverse, log_sums);
  cpu::product(kBlock, block.keys, width, matrix(scratch.weights.data(), problem.dtype, block.keys),
               matrix(v + kv_offset, problem.dtype, problem.kv_stride()), scratch.result.data(),
               DType::kFloat32, width, false);
  for (std::int64_t i = 0; i < block.count; ++i) {
    for (std::int64_t j = 0; j < width; ++j) {
      out[q_offset + i * problem.q_stride() + j] = T(scratch.result[i * width + j] * inverse[i]);
    }
  }
}

// Scratch and fp32 sums of one (sequence, key head) in backward.
template <class T>
struct BackwardScratch {
  explicit BackwardScratch(const Problem& problem)
      : block(problem),
        dk(problem.shape.length * problem.shape.head_dim),
        dv(problem.shape.length * problem.shape.head_dim) {}

  Scratch<T> block;
  std::vector<float> dk, dv;  // (length, head_dim)
};

// P = exp(S - log_sum) and dS = scale * P * (dP - <dO, O>) from the two score products.
template <class T>
void slope_block(const Problem& problem, const Block& block, std::int64_t head, const T* out,
                 const float* log_sums, Scratch<T>& scratch) {
  const std::int64_t width = problem.shape.head_dim;
  for (std::int64_t i = 0; i < kBlock; ++i) {
    T* weights = scratch.weights.data() + i * block.keys;
    T* d_scores = scratch.d_scores.data() + i * block.keys;
    if (i >= block.count) {
      std::fill_n(weights, block.keys, T(0.0F));
      std::fill_n(d_scores, block.keys, T(0.0F));
      continue;
    }
    const T* o = out + (block.first + i) * problem.q_stride() + head * width;
    float dot = 0;
    for (std::int64_t j = 0; j < width; ++j) {
      dot += static_cast<float>(o[j]) * static_cast<float>(scratch.d_out[i * width + j]);
    }
    const Range range = range_of(problem, block, i);
    const float* scores = scratch.scores.data() + i * block.keys;
    const float* slopes = scratch.slopes.data() + i * block.keys;
    const float log_sum = log_sums[(block.first + i) * problem.shape.heads + head];
    std::fill_n(weights, range.low, T(0.0F));
    std::fill_n(d_scores, range.low, T(0.0F));
#pragma omp simd
    for (std::int64_t j = range.low; j < range.high; ++j) {
      const float weight = cpu::fast_exp(scores[j] * problem.scale - log_sum);
      weights[j] = T(weight);
      d_scores[j] = T(problem.scale * weight * (slopes[j] - dot));
    }
    std::fill(weights + range.high, weights + block.keys, T(0.0F));
    std::fill(d_scores + range.high, d_scores + block.keys, T(0.0F));
  }
}

template <class T>
struct BackwardTensors {
  const T *q, *k, *v, *out, *d_out;
  const float* log_sums;
  T *dq, *dk, *dv;
};

template <class T>
void block_backward(const Problem& problem, const Block& block, std::int64_t head,
                    const BackwardTensors<T>& t, BackwardScratch<T>& scratch) {
  Scratch<T>& s = scratch.block;
  const std::int64_t width = problem.shape.head_dim;
  const std::int64_t stride = problem.kv_stride();
  const DType type = problem.dtype;
  const std::int64_t kv_offset = block.key * stride + head / problem.group() * width;
  const std::int64_t q_offset = block.first * problem.q_stride() + head * width;
  const std::int64_t sum_offset = block.key % problem.shape.length * width;
  pack(t.q + q_offset, problem.q_stride(), block.count, width, s.q);
  pack(t.d_out + q_offset, problem.q_stride(), block.count, width, s.d_out);
  cpu::product(kBlock, width, block.keys, matrix(s.q.data(), type, width),
               flipped(t.k + kv_offset, type, stride), s.scores.data(), DType::kFloat32,
               block.keys, false);
  cpu::product(kBlock, width, block.keys, matrix(s.d_out.data(), type, width),
               flipped(t.v + kv_offset, type, stride), s.slopes.data(), DType::kFloat32,
               block.keys, false);
  slope_block(problem, block, head, t.out, t.log_sums, s);
  cpu::product(block.keys, kBlock, width, flipped(s.weights.data(), type, block.keys),
               matrix(s.d_out.data(), type, width), scratch.dv.data() + sum_offset,
               DType::kFloat32, width, true);
  cpu::product(block.keys, kBlock, width, flipped(s.d_scores.data(), type, block.keys),
               matrix(s.q.data(), type, width), scratch.dk.data() + sum_offset, DType::kFloat32,
               width, true);
  cpu::product(kBlock, block.keys, width, matrix(s.d_scores.data(), type, block.keys),
               matrix(t.k + kv_offset, type, stride), s.result.data(), DType::kFloat32, width,
               false);
  for (std::int64_t i = 0; i < block.count; ++i) {
    for (std::int64_t j = 0; j < width; ++j) {
      t.dq[q_offset + i * problem.q_stride() + j] = T(s.result[i * width + j]);
    }
  }
}

template <class T>
void sequence_backward(const Problem& problem, std::int64_t sequence, std::int64_t kv_head,
                       const BackwardTensors<T>& t, BackwardScratch<T>& scratch) {
  const std::int64_t width = problem.shape.head_dim;
  std::ranges::fill(scratch.dk, 0.0F);
  std::ranges::fill(scratch.dv, 0.0F);
  for (std::int64_t head = kv_head * problem.group(); head < (kv_head + 1) * problem.group();
       ++head) {
    for (std::int64_t first = problem.first_query[sequence];
         first < problem.first_query[sequence + 1]; first += kBlock) {
      block_backward(problem, block_of(problem, sequence, first), head, t, scratch);
    }
  }
  for (std::int64_t row = 0; row < problem.shape.length; ++row) {
    const std::int64_t to =
        (sequence * problem.shape.length + row) * problem.kv_stride() + kv_head * width;
    for (std::int64_t j = 0; j < width; ++j) {
      t.dk[to + j] = T(scratch.dk[row * width + j]);
      t.dv[to + j] = T(scratch.dv[row * width + j]);
    }
  }
}

}  // namespace

void attention(Stream& stream, const AttentionShape& shape, const Tensor& q, const Tensor& k,
               const Tensor& v, const Tensor& query_rows, const Tensor& document_starts,
               const Tensor& out, const Tensor& log_sums) {
  const Problem problem = problem_of(shape, q, k, v, query_rows, document_starts);
  check(out.shape() == q.shape() && out.dtype() == q.dtype() &&
            log_sums.shape() == Shape{q.rows(), shape.heads},
        "attention into ", text_of(out.shape()), " and ", text_of(log_sums.shape()));
  cpu::with_float_type(q.dtype(), [&](auto type) {
    using T = decltype(type);
    const std::int64_t tasks = shape.sequences * shape.heads;
#pragma omp parallel
    {
      Scratch<T> scratch(problem);
#pragma omp for schedule(dynamic)
      for (std::int64_t task = 0; task < tasks; ++task) {
        const std::int64_t sequence = task / shape.heads;
        for (std::int64_t first = problem.first_query[sequence];
             first < problem.first_query[sequence + 1]; first += kBlock) {
          attend_block(problem, block_of(problem, sequence, first), task % shape.heads,
                       q.data<T>(), k.data<T>(), v.data<T>(), out.data<T>(),
                       log_sums.data<float>(), scratch);
        }
      }
    }
  });
  stream.poll();
}

void attention_backward(Stream& stream, const AttentionShape& shape, const Tensor& q,
                        const Tensor& k, const Tensor& v, const Tensor& query_rows,
                        const Tensor& document_starts, const Tensor& out, const Tensor& log_sums,
                        const Tensor& d_out, const Tensor& dq, const Tensor& dk,
                        const Tensor& dv) {
  const Problem problem = problem_of(shape, q, k, v, query_rows, document_starts);
  check(out.shape() == q.shape() && d_out.shape() == q.shape() && dq.shape() == q.shape() &&
            dk.shape() == k.shape() && dv.shape() == v.shape(),
        "attention backward of q ", text_of(q.shape()), " into ", text_of(dq.shape()));
  cpu::with_float_type(q.dtype(), [&](auto type) {
    using T = decltype(type);
    const BackwardTensors<T> tensors{q.data<T>(),     k.data<T>(),  v.data<T>(),
                                     out.data<T>(),   d_out.data<T>(), log_sums.data<float>(),
                                     dq.data<T>(),    dk.data<T>(), dv.data<T>()};
    const std::int64_t tasks = shape.sequences * shape.kv_heads;
#pragma omp parallel
    {
      BackwardScratch<T> scratch(problem);
#pragma omp for schedule(dynamic)
      for (std::int64_t task = 0; task < tasks; ++task) {
        sequence_backward(problem, task / shape.kv_heads, task % shape.kv_heads, tensors, scratch);
      }
    }
  });
  stream.poll();
}

}  // namespace bam
