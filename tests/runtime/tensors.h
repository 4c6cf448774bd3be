#pragma once

#include <gtest/gtest.h>
#include <omp.h>

#include <cmath>
#include <cstdlib>
#include <cstring>
#include <string>
#include <string_view>
#include <vector>

#include "runtime/elementwise.h"
#include "runtime/host.h"
#include "runtime/check.h"
#include "runtime/random.h"
#include "runtime/tensor.h"

namespace bam {

/// What BAM_TEST_DEVICE says, as in "cuda"; a CPU where it says nothing. Tests hold for both.
inline DeviceKind kind_under_test() {
  const char* named = std::getenv("BAM_TEST_DEVICE");
  return named != nullptr && std::string(named) == "cuda" ? DeviceKind::kCuda : DeviceKind::kCpu;
}

/// Something to compute on.
struct Device {
  Memory memory{kind_under_test()};
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
  return to_device(stream, shape, std::vector<std::int32_t>(values.begin(), values.end()));
}

inline Tensor float_tensor(Stream& stream, const Shape& shape, const std::vector<float>& values) {
  return to_device(stream, shape, values);
}

/// A copy of the elements' bytes.
inline std::vector<std::byte> bytes_in(Stream& stream, const Tensor& tensor) {
  std::vector<std::byte> bytes(tensor.bytes());
  to_host(stream, tensor, bytes);
  return bytes;
}

/// A copy of the elements as doubles.
inline std::vector<double> values_of(Stream& stream, const Tensor& tensor) {
  std::vector<double> values;
  const auto take = [&]<class T>(const std::vector<T>& elements) {
    for (const T element : elements) {
      values.push_back(static_cast<double>(static_cast<float>(element)));
    }
  };
  switch (tensor.dtype()) {
    case DType::kFloat32: take(to_host<float>(stream, tensor)); break;
    case DType::kBFloat16: take(to_host<bfloat16>(stream, tensor)); break;
    case DType::kInt32: take(to_host<std::int32_t>(stream, tensor)); break;
  }
  return values;
}

/// body() throws Error, on a GPU at the stream's next wait.
template <class Body>
void expect_refused(Stream& stream, Body&& body) {
  EXPECT_THROW(
      {
        body();
        stream.synchronise();
      },
      Error);
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
