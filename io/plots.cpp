#include "io/plots.h"

#include <algorithm>
#include <cstdio>
#include <filesystem>
#include <memory>
#include <sstream>
#include <unistd.h>

#include "io/text_file.h"
#include "runtime/check.h"

namespace bam {
namespace {

/// Colours that stay apart on light and dark paper.
constexpr const char* kColours[] = {"#4477aa", "#ee6677", "#228833", "#ccbb44",
                                    "#66ccee", "#aa3377", "#999999"};

std::string quoted(const std::string& text) {
  std::string out = "'";
  for (const char c : text) {
    out += c == '\'' ? std::string("''") : std::string(1, c == '\n' ? ' ' : c);
  }
  return out + "'";
}

std::string run_gnuplot(const std::string& script) {
  std::string path = (std::filesystem::temp_directory_path() / "bam-plot-XXXXXX").string();
  const int file = mkstemp(path.data());
  check(file >= 0, path, ": cannot be made");
  close(file);
  write_file(path, script);
  const std::unique_ptr<std::FILE, int (*)(std::FILE*)> output(
      popen(("gnuplot '" + path + "' 2>&1").c_str(), "r"), &pclose);
  std::string text;
  char piece[1 << 14];
  while (output != nullptr) {
    const std::size_t count = std::fread(piece, 1, sizeof(piece), output.get());
    if (count == 0) {
      break;
    }
    text.append(piece, count);
  }
  std::filesystem::remove(path);
  return text;
}

void replace_all(std::string& text, const std::string& from, const std::string& to) {
  for (std::size_t at = text.find(from); at != std::string::npos; at = text.find(from, at)) {
    text.replace(at, from.size(), to);
    at += to.size();
  }
}

/// The <svg> element alone; black becomes the page's text colour.
std::string draw(const std::string& script) {
  const std::string text = run_gnuplot(script);
  const auto begin = text.find("<svg");
  const auto end = text.rfind("</svg>");
  check(begin != std::string::npos && end != std::string::npos,
        "gnuplot made no picture: ", text.substr(0, 400));
  std::string svg = text.substr(begin, end + 6 - begin);
  for (const char* black : {"rgb(  0,   0,   0)", "rgb(0,0,0)"}) {
    replace_all(svg, black, "currentColor");
  }
  replace_all(svg, "\"black\"", "\"currentColor\"");
  replace_all(svg, "'black'", "'currentColor'");
  return svg;
}

/// Every how many rows or columns one is numbered: few pictures have room for more than two dozen.
std::size_t spacing(std::size_t count) { return std::max<std::size_t>(1, (count + 23) / 24); }

/// Pixels; many rows become thin ones.
int row_height(std::size_t rows) { return std::clamp(620 / static_cast<int>(rows), 3, 26); }

std::string terminal(const std::string& id, int width, int height) {
  return message_of("set encoding utf8\nset terminal svg size ", width, ",", height,
                    " dynamic noenhanced font 'sans-serif,13' name '", id, "'\n");
}

}  // namespace

std::vector<double> running_mean(const std::vector<double>& values, std::size_t window) {
  std::vector<double> means(values.size());
  double sum = 0;
  for (std::size_t i = 0; i < values.size(); ++i) {
    sum += values[i] - (i >= window ? values[i - window] : 0.0);
    means[i] = sum / static_cast<double>(std::min(i + 1, window));
  }
  return means;
}

std::string svg_of(const CurvePlot& plot, const std::string& id) {
  std::ostringstream script;
  script << terminal(id, 760, 340);
  for (std::size_t i = 0; i < plot.curves.size(); ++i) {
    script << "$c" << i << " << EOD\n";
    for (std::size_t p = 0; p < plot.curves[i].x.size(); ++p) {
      script << plot.curves[i].x[p] << " " << plot.curves[i].y[p] << "\n";
    }
    script << "EOD\n";
  }
  script << "set border 3 lw 0.6\nset tics nomirror\nset grid ytics lt 1 lc '#999999' lw 0.25\n"
            "set key outside right top Left reverse samplen 1.5\nset xlabel "
         << quoted(plot.x_label) << "\nset ylabel " << quoted(plot.y_label) << "\nplot ";
  for (std::size_t i = 0; i < plot.curves.size(); ++i) {
    script << (i == 0 ? "" : ", ") << "$c" << i << " with lines lw 1.8 lc '"
           << kColours[i % std::size(kColours)] << "' title " << quoted(plot.curves[i].title);
  }
  script << "\n";
  return draw(script.str());
}

std::string svg_of(const HeatPlot& plot, const std::string& id) {
  check(!plot.blocks.empty() && !plot.blocks.front().rows.empty(), "a heat plot of nothing");
  const std::size_t rows = plot.blocks.front().rows.size();
  std::ostringstream cells;
  std::ostringstream labels;
  std::ostringstream names;
  std::size_t column = 0;
  for (const auto& block : plot.blocks) {
    const std::size_t columns = block.rows.front().size();
    for (std::size_t x = 0; x < columns; ++x) {
      for (std::size_t y = 0; y < rows; ++y) {
        cells << column + x << " " << y << " " << block.rows[y][x] << "\n";
      }
      if (x % spacing(columns) == 0) {
        labels << (labels.str().empty() ? "" : ", ") << "'" << x << "' " << column + x;
      }
    }
    names << "set label " << quoted(block.title) << " at first "
          << static_cast<double>(column) + static_cast<double>(columns - 1) / 2
          << ", graph 1.07 center\n";
    column += columns + 1;
  }
  std::ostringstream script;
  script << terminal(id, 760, 110 + row_height(rows) * static_cast<int>(rows)) << "$cells << EOD\n"
         << cells.str() << "EOD\n" << names.str()
         << "set border 0\nset tics scale 0\nset xtics (" << labels.str() << ")\nset ytics "
         << spacing(rows) << "\n"
         << "set xrange [-0.5:" << static_cast<double>(column) - 1.5 << "]\nset yrange ["
         << static_cast<double>(rows) - 0.5 << ":-0.5]\nset cbrange [0:1]\nset cbtics 0.5\n"
         << "set palette defined (0 '#f3efe6', 0.5 '#6f9fc8', 1 '#12365f')\n"
         << "set xlabel " << quoted(plot.column_label) << "\nset ylabel " << quoted(plot.row_label) << "\nset tmargin 2.5\n"
         << "plot $cells using 1:2:(0.47):(0.47):3 with boxxyerror fs solid 1 noborder lc palette"
            " notitle\n";
  return draw(script.str());
}

}  // namespace bam
