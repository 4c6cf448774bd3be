#include "parallel/planner/cost/rate_grid.h"

#include <algorithm>
#include <cmath>

#include "runtime/check.h"

namespace bam {
namespace {

/// Where a size lies among ascending ones: between below and below + 1, at this part of the way.
struct Place {
  std::size_t below = 0;
  double part = 0;
};

Place place_of(const std::vector<double>& sizes, double size) {
  if (sizes.size() == 1 || size <= sizes.front()) {
    return {};
  }
  if (size >= sizes.back()) {
    return {sizes.size() - 2, 1};
  }
  const auto above = std::upper_bound(sizes.begin(), sizes.end(), size);
  const auto below = static_cast<std::size_t>(above - sizes.begin()) - 1;
  return {below, std::log(size / sizes[below]) / std::log(sizes[below + 1] / sizes[below])};
}

std::array<double, 3> axes_of(const ProductShape& shape) { return {shape.m, shape.k, shape.n}; }

}  // namespace

RateGrid::RateGrid(const std::vector<ProductPoint>& points) {
  for (std::size_t axis = 0; axis < 3; ++axis) {
    std::vector<double>& sizes = sizes_[axis];
    for (const ProductPoint& point : points) {
      sizes.push_back(axes_of(point.shape)[axis]);
    }
    std::sort(sizes.begin(), sizes.end());
    sizes.erase(std::unique(sizes.begin(), sizes.end()), sizes.end());
  }
  check_input(points.size() == sizes_[0].size() * sizes_[1].size() * sizes_[2].size(),
              "products: ", points.size(), " points where a grid of ", sizes_[0].size(), " x ",
              sizes_[1].size(), " x ", sizes_[2].size(), " sizes was expected");
  rates_.assign(points.size(), std::nan(""));
  for (const ProductPoint& point : points) {
    std::size_t index = 0;
    for (std::size_t axis = 0; axis < 3; ++axis) {
      const auto at =
          std::lower_bound(sizes_[axis].begin(), sizes_[axis].end(), axes_of(point.shape)[axis]);
      index = index * sizes_[axis].size() + static_cast<std::size_t>(at - sizes_[axis].begin());
    }
    check_input(std::isnan(rates_[index]), "products: ", point.shape.m, " x ", point.shape.k, " x ",
                point.shape.n, " is given twice");
    rates_[index] = std::log(point.rate);
  }
}

double RateGrid::rate(const ProductShape& shape) const {
  std::array<Place, 3> places;
  for (std::size_t axis = 0; axis < 3; ++axis) {
    places[axis] = place_of(sizes_[axis], axes_of(shape)[axis]);
  }
  double sum = 0;
  for (unsigned corner = 0; corner < 8; ++corner) {
    double weight = 1;
    std::size_t index = 0;
    for (std::size_t axis = 0; axis < 3; ++axis) {
      const bool is_upper = (corner >> axis & 1U) != 0;
      weight *= is_upper ? places[axis].part : 1 - places[axis].part;
      const std::size_t at = places[axis].below + (is_upper ? 1 : 0);
      index = index * sizes_[axis].size() + std::min(at, sizes_[axis].size() - 1);
    }
    sum += weight > 0 ? weight * rates_[index] : 0;
  }
  return std::exp(sum);
}

std::vector<ProductPoint> RateGrid::points() const {
  std::vector<ProductPoint> points;
  std::size_t index = 0;
  for (const double m : sizes_[0]) {
    for (const double k : sizes_[1]) {
      for (const double n : sizes_[2]) {
        if (index < rates_.size()) {
          points.push_back({{m, k, n}, std::exp(rates_[index++])});
        }
      }
    }
  }
  return points;
}

double interpolated(const std::vector<double>& x, const std::vector<double>& y, double at) {
  const Place place = place_of(x, at);
  const std::size_t above = std::min(place.below + 1, x.size() - 1);
  return std::exp((1 - place.part) * std::log(y[place.below]) + place.part * std::log(y[above]));
}

}  // namespace bam
