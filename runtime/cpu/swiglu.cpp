#include "runtime/swiglu.h"

#include "runtime/cpu/rows.h"

namespace bam {
namespace {

void check_same(const Tensor& a, const Tensor& b) {
  check(a.shape() == b.shape() && a.dtype() == b.dtype(), "SwiGLU of ", text_of(a.shape()), " ",
        name_of(a.dtype()), " and ", text_of(b.shape()), " ", name_of(b.dtype()));
}

}  // namespace

void swiglu(Stream& stream, const Tensor& gate, const Tensor& up, const Tensor& out) {
  check_same(gate, up);
  check_same(gate, out);
  cpu::with_float_type(gate.dtype(), [&](auto type) {
    using T = decltype(type);
    const std::int64_t d = gate.cols();
    const T* g = gate.data<T>();
    const T* u = up.data<T>();
    T* o = out.data<T>();
    cpu::for_each_row(gate.rows(), [&](std::int64_t i) {
#pragma omp simd
      for (std::int64_t j = i * d; j < (i + 1) * d; ++j) {
        const auto x = static_cast<float>(g[j]);
        o[j] = T(x / (1.0F + cpu::fast_exp(-x)) * static_cast<float>(u[j]));
      }
    });
  });
  stream.poll();
}

void swiglu_backward(Stream& stream, const Tensor& gate, const Tensor& up, const Tensor& d_out,
                     const Tensor& d_gate, const Tensor& d_up, const Tensor& out) {
  for (const Tensor* other : {&up, &d_out, &d_gate, &d_up, &out}) {
    check_same(gate, *other);
  }
  cpu::with_float_type(gate.dtype(), [&](auto type) {
    using T = decltype(type);
    const std::int64_t d = gate.cols();
    const T* g = gate.data<T>();
    const T* u = up.data<T>();
    const T* dy = d_out.data<T>();
    T* dg = d_gate.data<T>();
    T* du = d_up.data<T>();
    T* o = out.data<T>();
    cpu::for_each_row(gate.rows(), [&](std::int64_t i) {
#pragma omp simd
      for (std::int64_t j = i * d; j < (i + 1) * d; ++j) {
        const auto x = static_cast<float>(g[j]);
        const auto y = static_cast<float>(u[j]);
        const auto slope = static_cast<float>(dy[j]);
        const float sigmoid = 1.0F / (1.0F + cpu::fast_exp(-x));
        const float silu = x * sigmoid;
        dg[j] = T(slope * y * sigmoid * (1.0F + x * (1.0F - sigmoid)));
        du[j] = T(slope * silu);
        o[j] = T(silu * y);
      }
    });
  });
  stream.poll();
}

}  // namespace bam
