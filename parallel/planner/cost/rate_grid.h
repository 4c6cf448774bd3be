#pragma once

#include <array>
#include <cstdint>
#include <vector>

namespace bam {

/// (m, k) times (k, n), as it is multiplied; sizes may be means, so they need not be whole.
struct ProductShape {
  double m = 0;
  double k = 0;
  double n = 0;

  double operations() const { return 2 * m * k * n; }
};

/// Which of a linear layer's products.
enum class ProductKind : std::uint8_t {
  kForward,         // y = x W^T
  kInputGradient,   // dx = dy W
  kWeightGradient,  // dW += dy^T x
};
inline constexpr std::size_t kProductKinds = 3;

/// A measured product's rate.
struct ProductPoint {
  ProductShape shape;
  double rate = 0;  // operations/s
};

/// Rates of products measured on a grid of sizes; between them the logarithms of sizes and seconds
/// are interpolated, beyond them the nearest is taken.
class RateGrid {
 public:
  RateGrid() = default;
  /// Throws BadInput unless the points are all of a grid: every m with every k with every n, once.
  explicit RateGrid(const std::vector<ProductPoint>& points);

  bool empty() const { return rates_.empty(); }
  /// Operations a second.
  double rate(const ProductShape& shape) const;
  std::vector<ProductPoint> points() const;

 private:
  std::array<std::vector<double>, 3> sizes_;  // of m, k, n; ascending
  std::vector<double> rates_;                 // logarithms; n fastest
};

/// y(x) of points (x ascending, both > 0), interpolated in logarithms, the nearest beyond the ends.
double interpolated(const std::vector<double>& x, const std::vector<double>& y, double at);

}  // namespace bam
