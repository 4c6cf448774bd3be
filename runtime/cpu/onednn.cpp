#include "runtime/cpu/onednn.h"

#include <omp.h>

#include <array>
#include <dnnl.hpp>
#include <unordered_map>
#include <vector>

#include "runtime/check.h"

namespace bam::cpu {
namespace {

using Key = std::array<std::int64_t, 7>;

// While it lives, libraries that ask OpenMP how many threads to use are told one.
class OneThread {
 public:
  OneThread() { omp_set_num_threads(1); }
  ~OneThread() { omp_set_num_threads(before_); }
  OneThread(const OneThread&) = delete;
  OneThread& operator=(const OneThread&) = delete;

 private:
  int before_ = omp_get_max_threads();
};

struct KeyHash {
  std::size_t operator()(const Key& key) const {
    std::uint64_t hash = 0;
    for (const std::int64_t part : key) {
      hash = (hash ^ static_cast<std::uint64_t>(part)) * 0x9e3779b97f4a7c15U;
      hash ^= hash >> 29;
    }
    return hash;
  }
};

Key key_of(const Product& p) {
  const int flags = (p.a.is_transposed ? 1 : 0) | (p.b.is_transposed ? 2 : 0) |
                    (p.dtype == DType::kBFloat16 ? 4 : 0) |
                    (p.c_dtype == DType::kBFloat16 ? 8 : 0) | (p.write == Write::kAdd ? 16 : 0);
  return {p.m, p.n, p.k, p.a.leading, p.b.leading, p.c_leading, flags};
}

dnnl::memory::desc layout(std::int64_t rows, std::int64_t cols, std::int64_t leading,
                          bool is_transposed, DType dtype) {
  const auto type = dtype == DType::kBFloat16 ? dnnl::memory::data_type::bf16
                                              : dnnl::memory::data_type::f32;
  const dnnl::memory::dims strides =
      is_transposed ? dnnl::memory::dims{1, leading} : dnnl::memory::dims{leading, 1};
  return {dnnl::memory::dims{rows, cols}, type, strides};
}

// A compiled product, and its arguments, whose addresses are set at each run.
class Kernel {
 public:
  Kernel(const dnnl::engine& engine, const Product& p) {
    dnnl::primitive_attr attributes;
    attributes.set_scratchpad_mode(dnnl::scratchpad_mode::user);
    if (p.write == Write::kAdd) {
      dnnl::post_ops sum;
      sum.append_sum(1.0F);
      attributes.set_post_ops(sum);
    }
    const auto a = layout(p.m, p.k, p.a.leading, p.a.is_transposed, p.dtype);
    const auto b = layout(p.k, p.n, p.b.leading, p.b.is_transposed, p.dtype);
    const auto c = layout(p.m, p.n, p.c_leading, false, p.c_dtype);
    const dnnl::matmul::primitive_desc description({a, b, c}, attributes, engine);
    matmul_ = dnnl::matmul(description);
    scratch_bytes_ = description.scratchpad_desc().get_size();
    arguments_ = {{DNNL_ARG_SRC, dnnl::memory(a, engine, nullptr)},
                  {DNNL_ARG_WEIGHTS, dnnl::memory(b, engine, nullptr)},
                  {DNNL_ARG_DST, dnnl::memory(c, engine, nullptr)},
                  {DNNL_ARG_SCRATCHPAD, dnnl::memory(description.scratchpad_desc(), engine, nullptr)}};
  }

  std::size_t scratch_bytes() const { return scratch_bytes_; }

  void run(const dnnl::stream& stream, const Product& p, void* scratch) {
    arguments_[DNNL_ARG_SRC].set_data_handle(const_cast<void*>(p.a.data));
    arguments_[DNNL_ARG_WEIGHTS].set_data_handle(const_cast<void*>(p.b.data));
    arguments_[DNNL_ARG_DST].set_data_handle(p.c);
    arguments_[DNNL_ARG_SCRATCHPAD].set_data_handle(scratch);
    matmul_.execute(stream, arguments_);
  }

 private:
  dnnl::matmul matmul_;
  std::unordered_map<int, dnnl::memory> arguments_;
  std::size_t scratch_bytes_ = 0;
};

// One thread's kernels: compiling one takes a good part of a millisecond.
class Kernels {
 public:
  void run(const Product& p) {
    Kernel& kernel = find(p);
    if (scratch_.size() < kernel.scratch_bytes() + kPage) {
      scratch_.resize(kernel.scratch_bytes() + kPage);
    }
    const auto address = reinterpret_cast<std::uintptr_t>(scratch_.data());
    kernel.run(stream_, p, scratch_.data() + (kPage - address % kPage) % kPage);
  }

 private:
  static constexpr std::size_t kPage = 4096;
  static constexpr std::size_t kMost = 2048;

  Kernel& find(const Product& p) {
    const Key key = key_of(p);
    const auto found = kernels_.find(key);
    if (found != kernels_.end()) {
      return found->second;
    }
    if (kernels_.size() >= kMost) {
      kernels_.clear();  // oneDNN's own cache still has the recent ones' code
    }
    return kernels_.emplace(key, Kernel(engine_, p)).first->second;
  }

  dnnl::engine engine_{dnnl::engine::kind::cpu, 0};
  dnnl::stream stream_{engine_};
  std::unordered_map<Key, Kernel, KeyHash> kernels_;
  std::vector<std::byte> scratch_;
};

}  // namespace

void compute(const Product& product) {
  // A cache, and no state that results depend on. One a thread: a kernel holds its arguments, so two
  // threads cannot share it, and lookups need no lock.
  thread_local Kernels kernels;
  const OneThread alone;
  try {
    kernels.run(product);
  } catch (const dnnl::error& error) {
    throw Error(message_of("oneDNN product of (", product.m, ", ", product.k, ") and (", product.k,
                           ", ", product.n, "): ", error.what()));
  }
}

}  // namespace bam::cpu
