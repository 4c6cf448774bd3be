#pragma once

#include <omp.h>

#include "runtime/attention.h"
#include "runtime/cpu/attention_blocks.h"

namespace bam::cpu {

enum class Pass { kForward, kBackward };

/// Where one thread works on one head of a block of queries. What is not needed forward is null then.
template <class T>
struct Workspace {
  float* scores;    // (kQueryBlock, length), or (length, kQueryBlock); backward
  T* weights;       // as scores; the scores themselves where T is float
  T* q;             // (kQueryBlock, head_dim)
  float* rows;      // (kQueryBlock, head_dim): an output in fp32
  float* d_scores;  // as scores; backward
  T* d_weights;     // as weights; backward
  T* d_out;         // (kQueryBlock, head_dim); backward
  T* turned;        // (head_dim, kQueryBlock); backward: of q, then of d_out
  float* dk;        // (length, head_dim); backward
  float* dv;        // (length, head_dim); backward
};

/// Every OpenMP thread's workspace, from the stream's memory.
template <class T>
class Workspaces {
 public:
  Workspaces(Stream& stream, const AttentionShape& shape, Pass pass)
      : scores_(kQueryBlock * shape.length),
        rows_(kQueryBlock * shape.head_dim),
        sums_(shape.length * shape.head_dim),
        pass_(pass),
        memory_(stream, {omp_get_max_threads(), bytes() / 4}, DType::kFloat32) {}

  /// The calling thread's.
  Workspace<T> mine() const {
    std::byte* next = memory_.raw() + omp_get_thread_num() * bytes();
    Workspace<T> work{};
    work.scores = take<float>(next, scores_);
    work.weights = weights_of(work.scores, next);
    work.q = take<T>(next, rows_);
    work.rows = take<float>(next, rows_);
    if (pass_ == Pass::kBackward) {
      work.d_scores = take<float>(next, scores_);
      work.d_weights = weights_of(work.d_scores, next);
      work.d_out = take<T>(next, rows_);
      work.turned = take<T>(next, rows_);
      work.dk = take<float>(next, sums_);
      work.dv = take<float>(next, sums_);
    }
    return work;
  }

 private:
  static constexpr std::int64_t aligned(std::int64_t bytes) { return (bytes + 63) / 64 * 64; }

  template <class U>
  static U* take(std::byte*& next, std::int64_t elements) {
    U* taken = reinterpret_cast<U*>(next);
    next += aligned(elements * static_cast<std::int64_t>(sizeof(U)));
    return taken;
  }

  T* weights_of(float* scores, std::byte*& next) const {
    if constexpr (std::is_same_v<T, float>) {
      return scores;
    } else {
      return take<T>(next, scores_);
    }
  }

  std::int64_t bytes() const {
    constexpr std::int64_t kOwnWeights = std::is_same_v<T, float> ? 0 : sizeof(T);
    const std::int64_t block = aligned(scores_ * 4) + aligned(scores_ * kOwnWeights) +
                               aligned(rows_ * 4) + aligned(rows_ * std::int64_t{sizeof(T)});
    const std::int64_t turned = aligned(rows_ * std::int64_t{sizeof(T)});
    return pass_ == Pass::kForward ? block : 2 * block + turned + 2 * aligned(sums_ * 4);
  }

  std::int64_t scores_;
  std::int64_t rows_;
  std::int64_t sums_;
  Pass pass_;
  Tensor memory_;
};

}  // namespace bam::cpu
