#include "runtime/cpu/onednn.h"

#include <dnnl.hpp>

#include <array>
#include <list>
#include <map>
#include <vector>

#include "runtime/check.h"

namespace bam::cpu {
namespace {

using Key = std::array<std::int64_t, 11>;

struct Primitive {
  dnnl::matmul run;
  dnnl::memory a, b, c, scratchpad;
};

dnnl::memory::data_type type_of(DType dtype) {
  return dtype == DType::kFloat32 ? dnnl::memory::data_type::f32 : dnnl::memory::data_type::bf16;
}

// A thread's primitives by shape, the least recently used ones dropped: making one costs about a
// millisecond, and the row counts of routed experts change with every step.
class Cache {
 public:
  Cache() : engine_(dnnl::engine::kind::cpu, 0), stream_(engine_) {}

  Primitive& find(const Key& key) {
    if (const auto found = by_key_.find(key); found != by_key_.end()) {
      used_.splice(used_.begin(), used_, found->second);
      return found->second->second;
    }
    used_.emplace_front(key, make(key));
    by_key_[key] = used_.begin();
    if (used_.size() > kMost) {
      by_key_.erase(used_.back().first);
      used_.pop_back();
    }
    return used_.front().second;
  }

  void run(Primitive& primitive) {
    const std::size_t size = primitive.scratchpad.get_desc().get_size();
    if (scratch_.size() < size) {
      scratch_.resize(size);
    }
    primitive.scratchpad.set_data_handle(scratch_.data());
    primitive.run.execute(stream_, {{DNNL_ARG_SRC, primitive.a},
                                    {DNNL_ARG_WEIGHTS, primitive.b},
                                    {DNNL_ARG_DST, primitive.c},
                                    {DNNL_ARG_SCRATCHPAD, primitive.scratchpad}});
    stream_.wait();
  }

 private:
  static constexpr std::size_t kMost = 1024;

  Primitive make(const Key& key) {
    const auto [m, k, n, type, c_type, a_row, a_column, b_row, b_column, c_row, add] = key;
    const auto in = type_of(static_cast<DType>(type));
    const dnnl::memory::desc a({m, k}, in, dnnl::memory::dims{a_row, a_column});
    const dnnl::memory::desc b({k, n}, in, dnnl::memory::dims{b_row, b_column});
    const dnnl::memory::desc c({m, n}, type_of(static_cast<DType>(c_type)),
                               dnnl::memory::dims{c_row, 1});
    dnnl::primitive_attr attributes;
    attributes.set_scratchpad_mode(dnnl::scratchpad_mode::user);
    if (add != 0) {
      dnnl::post_ops sum;
      sum.append_sum(1.0F);
      attributes.set_post_ops(sum);
    }
    const dnnl::matmul::primitive_desc description(dnnl::matmul::desc(a, b, c), attributes, engine_);
    return {dnnl::matmul(description), dnnl::memory(a, engine_, nullptr),
            dnnl::memory(b, engine_, nullptr), dnnl::memory(c, engine_, nullptr),
            dnnl::memory(description.scratchpad_desc(), engine_, nullptr)};
  }

  dnnl::engine engine_;
  dnnl::stream stream_;
  std::list<std::pair<Key, Primitive>> used_;
  std::map<Key, std::list<std::pair<Key, Primitive>>::iterator> by_key_;
  std::vector<char> scratch_;
};

// oneDNN's objects carry the pointers they run on, so each thread has its own.
Cache& thread_cache() {
  thread_local Cache cache;
  return cache;
}

}  // namespace

void product(std::int64_t m, std::int64_t k, std::int64_t n, MatrixRef a, MatrixRef b, void* c,
             DType c_dtype, std::int64_t c_stride, bool add) {
  try {
    Cache& cache = thread_cache();
    Primitive& primitive = cache.find({m, k, n, static_cast<std::int64_t>(a.dtype),
                                       static_cast<std::int64_t>(c_dtype), a.row_stride,
                                       a.column_stride, b.row_stride, b.column_stride, c_stride,
                                       add ? 1 : 0});
    primitive.a.set_data_handle(const_cast<void*>(a.data));
    primitive.b.set_data_handle(const_cast<void*>(b.data));
    primitive.c.set_data_handle(c);
    cache.run(primitive);
  } catch (const dnnl::error& error) {
    throw Error(message_of("oneDNN: product (", m, ", ", k, ") x (", k, ", ", n, "): ",
                           error.what()));
  }
}

}  // namespace bam::cpu
