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
  for (const json& data_set : difference["data_sets"]) {
    if (!data_set.contains("differing") || data_set["differing"] != 0) {
      print_data_set(data_set, out);
    }
  }
  out << "\n"
      << difference["differing"] << " of " << difference["data_sets"].size()
      << " data sets differ\n";
}

}  // namespace bam
