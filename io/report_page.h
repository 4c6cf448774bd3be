#pragma once

#include <map>
#include <optional>
#include <string>
#include <vector>

#include "io/plots.h"
#include "io/results.h"

namespace bam {

/// Where a model's routers sent one domain's tokens, layer by layer.
struct RoutingTable {
  std::string domain;
  std::vector<std::vector<double>> layers;  // [layer][expert]: shares that sum to 1
};

/// One router kind of one model.
struct RoutingPicture {
  std::string title;
  std::vector<RoutingTable> domains;
};

/// What a report shows.
struct Report {
  std::string title;
  std::optional<Results> results;
  std::map<std::string, std::string> titles;  // of models, by name
  std::vector<Curve> dense_losses;            // training loss over steps
  std::vector<Curve> mixture_losses;          // mixtures and controls
  std::map<std::string, std::vector<Curve>> validation_losses;  // by domain
  std::vector<RoutingPicture> routing;
};

/// The report as one HTML file that needs nothing else: style and pictures are in it.
std::string html_of(const Report& report);

/// With &, <, > and quotes written as entities.
std::string escaped(const std::string& text);

}  // namespace bam
