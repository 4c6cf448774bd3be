#include <iomanip>
#include <ostream>
#include <string>

#include "launch/checkpoint_difference.h"
#include "launch/text_table.h"

namespace bam {
namespace {

using nlohmann::json;

std::string value_text(const json& value) {
  if (value.is_null()) {
    return "absent";
  }
  return value.is_string() ? value.get<std::string>() : value.dump();
}

std::string shape_or_absent(const json& shape) {
  return shape.is_null() ? "absent" : shape_text(shape);
}

void print_fields(const json& fields, std::ostream& out) {
  for (const json& field : fields) {
    out << "  " << std::left << std::setw(40) << field["field"].get<std::string>() << "  "
        << value_text(field["a"]) << " against " << value_text(field["b"]) << "\n";
  }
}

void print_data_set(const json& data_set, std::ostream& out) {
  out << "  " << std::left << std::setw(40) << data_set["path"].get<std::string>() << "  ";
  if (!data_set.contains("differing")) {
    out << "shape " << shape_or_absent(data_set["shape_a"]) << " against "
        << shape_or_absent(data_set["shape_b"]) << "\n";
    return;
  }
  out << std::setw(20) << shape_text(data_set["shape_a"]) << std::right << std::setprecision(4)
      << std::setw(14) << grouped(data_set["differing"]);
  for (const char* what : {"largest", "norm", "norm_a", "norm_b"}) {
    out << " " << std::setw(11) << data_set[what].get<double>();
  }
  out << "\n";
}

bool is_moment(const json& data_set) {
  return !data_set["path"].get<std::string>().starts_with("/weights/");
}

/// How many moments the other side has where `side`, "shape_a" or "shape_b", has none; 0 where it
/// has some.
std::size_t moments_beside_weights_alone(const json& data_sets, const char* side) {
  std::size_t absent = 0;
  for (const json& data_set : data_sets) {
    if (is_moment(data_set) && !data_set[side].is_null()) {
      return 0;
    }
    absent += is_moment(data_set) ? 1 : 0;
  }
  return absent;
}

/// Prints what there is to say of all moments at once, and whether that is all there is.
bool print_absent_moments(const json& data_sets, std::ostream& out) {
  for (const char* side : {"shape_a", "shape_b"}) {
    const std::size_t absent = moments_beside_weights_alone(data_sets, side);
    if (absent > 0) {
      const bool is_a = std::string_view(side) == "shape_a";
      out << "  " << (is_a ? "a" : "b") << " holds weights only: the " << absent << " moments of "
          << (is_a ? "b" : "a") << " have nothing to differ from\n";
      return true;
    }
  }
  return false;
}

}  // namespace

void print_difference(const json& difference, std::ostream& out) {
  out << "a  " << difference["a"].get<std::string>() << "\nb  "
      << difference["b"].get<std::string>() << "\n";
  if (!difference["fields"].empty()) {
    out << "\nfields\n";
    print_fields(difference["fields"], out);
  }
  if (difference["differing"] != 0) {
    out << "\n  " << std::left << std::setw(40) << "data sets"
        << "  " << std::setw(20) << "shape" << std::right << std::setw(14) << "differing";
    for (const char* what : {"largest", "|a - b|", "|a|", "|b|"}) {
      out << " " << std::setw(11) << what;
    }
    out << "\n";
  }
  const json& data_sets = difference["data_sets"];
  const bool moments_are_told_of = print_absent_moments(data_sets, out);
  for (const json& data_set : data_sets) {
    const bool differs = !data_set.contains("differing") || data_set["differing"] != 0;
    if (differs && !(moments_are_told_of && is_moment(data_set))) {
      print_data_set(data_set, out);
    }
  }
  out << "\n"
      << difference["differing"] << " of " << difference["data_sets"].size()
      << " data sets differ\n";
}

}  // namespace bam
