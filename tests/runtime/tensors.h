#pragma once

#include <gtest/gtest.h>
#include <omp.h>

#include <cmath>
#include <cstring>
#include <string_view>
#include <vector>

#include "runtime/elementwise.h"
#include "runtime/random.h"
#include "runtime/tensor.h"

namespace bam {

/// Something to compute on.
struct Device {
  Memory memory;
  Stream stream{memory};
};

/// Standard normal values, the same for the same name; rounded to dtype.
inline Tensor normal_tensor(Stream& stream, const Shape& shape, DType dtype,
                            std::string_view name) {
  Tensor exact(stream, shape, DType::kFloat32);
  fill_normal(stream, Random(7, name), 1.0, 0, exact);
  Tensor out(stream, shape, dtype);
  copy(stream, exact, out);
  return out;
}

inline Tensor int_tensor(Stream& stream, const Shape& shape, const std::vector<int>& values) {
  Tensor out(stream, shape, DType::kInt32);
  std::copy(values.begin(), values.end(), out.span<std::int32_t>().begin());
  return out;
}

inline Tensor float_tensor(Stream& stream, const Shape& shape, const std::vector<float>& values) {
  Tensor out(stream, shape, DType::kFloat32);
  std::copy(values.begin(), values.end(), out.span<float>().begin());
  return out;
}

/// A copy of the elements as doubles.
inline std::vector<double> values_of(const Tensor& tensor) {
  std::vector<double> values;
  for (std::int64_t i = 0; i < tensor.elements(); ++i) {
    switch (tensor.dtype()) {
      case DType::kFloat32: values.push_back(static_cast<double>(tensor.data<float>()[i])); break;
      case DType::kBFloat16:
        values.push_back(static_cast<double>(static_cast<float>(tensor.data<bfloat16>()[i])));
        break;
      case DType::kInt32: values.push_back(tensor.data<std::int32_t>()[i]); break;
    }
  }
  return values;
}

inline std::vector<std::byte> bytes_in(const Tensor& tensor) {
  return {tensor.raw(), tensor.raw() + tensor.bytes()};
}

/// Every element within tolerance * (1 + |expected|); the first that is not is shown.
inline void expect_near(const std::vector<double>& actual, const std::vector<double>& expected,
                        double tolerance) {
  ASSERT_EQ(actual.size(), expected.size());
  for (std::size_t i = 0; i < actual.size(); ++i) {
    ASSERT_NEAR(actual[i], expected[i], tolerance * (1 + std::abs(expected[i]))) << "element " << i;
  }
}

/// What a result in this dtype may be off by.
inline double tolerance_of(DType dtype) { return dtype == DType::kFloat32 ? 2e-5 : 2e-2; }

/// body() under 1 and under 3 threads.
template <class Body>
void with_thread_counts(Body&& body) {
  const int before = omp_get_max_threads();
  omp_set_num_threads(1);
  body();
  omp_set_num_threads(3);
  body();
  omp_set_num_threads(before);
}

}  // namespace bam
