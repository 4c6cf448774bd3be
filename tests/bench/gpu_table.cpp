#include "tests/bench/gpu_table.h"

#include <algorithm>
#include <iomanip>
#include <iostream>

#include "runtime/elementwise.h"
#include "runtime/matmul.h"
#include "runtime/random.h"
#include "runtime/trace.h"

namespace bam {
namespace {

constexpr std::int64_t kDrawn = std::int64_t{1} << 24;

void line(const char* name, double seconds, double rate, double share, const char* unit) {
  std::cout << std::left << std::setw(42) << name << std::right << std::fixed
            << std::setprecision(3) << std::setw(11) << seconds * 1e3 << " ms" << std::setw(11)
            << std::setprecision(1) << rate << " " << unit << std::setw(7) << 100 * share << " %";
}

}  // namespace

Tensor GpuTable::values(const Shape& shape, DType dtype) {
  Tensor out(stream_, shape, dtype);
  fill_random(out);
  return out;
}

void GpuTable::fill_random(const Tensor& out) {
  const Tensor flat = out.reshape({out.elements()});
  for (std::int64_t begin = 0; begin < out.elements(); begin += drawn().elements()) {
    const std::int64_t end = std::min(begin + drawn().elements(), out.elements());
    copy(stream_, drawn().slice(0, end - begin), flat.slice(begin, end));
  }
}

void GpuTable::measure_ceilings() {
  const std::int64_t n = size_ == BenchSize::kWhole ? 8192 : 256;
  const Tensor a = values({n, n}, DType::kBFloat16);
  const Tensor b = values({n, n}, DType::kBFloat16);
  const Tensor c(stream_, {n, n}, DType::kBFloat16);
  const auto multiply = [&] { matmul(stream_, a, transposed(b), c); };
  timed(size_ == BenchSize::kWhole ? 20 : 1, multiply);  // until its clocks are up
  const double product = runs(multiply).front();         // before its power is at its limit
  flops_ = 2.0 * static_cast<double>(n * n * n) / product;
  const Tensor from = values({scaled(std::int64_t{1} << 28)}, DType::kFloat32);
  const Tensor to(stream_, from.shape(), DType::kFloat32);
  bandwidth_ =
      2.0 * static_cast<double>(from.bytes()) / runs([&] { copy(stream_, from, to); }).front();
  std::cout << "ceilings: bf16 products " << flops_ * 1e-12 << " TFLOP/s, copy "
            << bandwidth_ * 1e-9 << " GB/s" << std::endl;
}

void GpuTable::operations(const char* name, double count, const std::function<void()>& body) {
  const double taken = seconds(body);
  line(name, taken, count / taken * 1e-12, count / taken / flops_, "TFLOP/s");
  std::cout << std::endl;
}

void GpuTable::bytes(const char* name, const std::vector<Tensor>& moved,
                     const std::function<void()>& body) {
  double count = 0;
  for (const Tensor& tensor : moved) {
    count += static_cast<double>(tensor.bytes());
  }
  const double taken = seconds(body);
  line(name, taken, count / taken * 1e-9, count / taken / bandwidth_, "GB/s");
  const Tensor from(stream_, {std::max<std::int64_t>(1, static_cast<std::int64_t>(count / 8))},
                    DType::kInt32);
  const Tensor to(stream_, from.shape(), DType::kInt32);
  fill_zero(stream_, from);
  const double copied = seconds([&] { copy(stream_, from, to); });
  std::cout << std::setw(10) << 100 * copied / taken << " %" << std::endl;
}

const Tensor& GpuTable::drawn() {
  if (drawn_.empty()) {
    drawn_ = Tensor(stream_, {scaled(kDrawn)}, DType::kFloat32);
    fill_normal(stream_, Random(1, "bench"), 0.02, 0, drawn_);
  }
  return drawn_;
}

double GpuTable::seconds(const std::function<void()>& body) {
  const std::vector<double> sorted = runs(body);
  return sorted[sorted.size() / 2];
}

// Seconds of a call, ascending: of 9 runs of calls that fill a hundredth of a second each.
std::vector<double> GpuTable::runs(const std::function<void()>& body) {
  const double once = timed(1, body);
  const int calls = std::clamp(static_cast<int>(0.01 / timed(1, body)), 1, 100);
  if (once > 5) {
    return {once};
  }
  std::vector<double> seconds;
  for (int i = 0; i < 9; ++i) {
    seconds.push_back(timed(calls, body) / calls);
  }
  std::ranges::sort(seconds);
  return seconds;
}

double GpuTable::timed(int calls, const std::function<void()>& body) {
  stream_.synchronise();
  const double begin = Trace::now();
  for (int i = 0; i < calls; ++i) {
    body();
  }
  stream_.synchronise();
  return Trace::now() - begin;
}

}  // namespace bam
