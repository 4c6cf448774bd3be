#pragma once

#include <string>
#include <vector>

namespace bam {

/// A line of a picture: y over x, equally long.
struct Curve {
  std::string title;
  std::vector<double> x;
  std::vector<double> y;
};

/// A picture of curves.
struct CurvePlot {
  std::string x_label;
  std::string y_label;
  std::vector<Curve> curves;
};

/// Shares in [0, 1] as coloured cells: rows from top to bottom; columns in blocks set apart.
struct HeatPlot {
  struct Block {
    std::string title;
    std::vector<std::vector<double>> rows;  // [row][column]
  };
  std::string row_label;
  std::vector<Block> blocks;  // of equally many rows
  std::string column_label = "expert";
};

/// An inline `<svg>` element drawn by gnuplot, its ids starting with `id`. Throws Error where gnuplot
/// cannot be run.
std::string svg_of(const CurvePlot& plot, const std::string& id);
std::string svg_of(const HeatPlot& plot, const std::string& id);

/// Means over a window that moves along; as long as the input. window >= 1.
std::vector<double> running_mean(const std::vector<double>& values, std::size_t window);

}  // namespace bam
