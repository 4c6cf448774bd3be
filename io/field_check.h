#pragma once

#include <cmath>
#include <cstdint>
#include <limits>
#include <string>

#include "runtime/check.h"

namespace bam {

/// What `make` returns; BadInput that knows only the field gets the name of its file before it.
template <class Make>
auto naming(const std::string& source, Make make) {
  try {
    return make();
  } catch (const BadInput& error) {
    throw BadInput(source + ": " + error.what());
  }
}

/// Checks values of a config; every error is BadInput naming source, field path, value and what was
/// expected. NaN and infinity pass no check.
class FieldCheck {
 public:
  explicit FieldCheck(std::string source) : source_(std::move(source)) {}

  /// A whole number from `least` to `most`, as the type it is wanted in.
  template <class T = std::int64_t>
  T whole(std::int64_t value, const std::string& field, std::int64_t least,
          std::int64_t most = std::numeric_limits<std::int64_t>::max()) const {
    check_input(value >= least && value <= most && static_cast<std::int64_t>(static_cast<T>(value)) == value,
                source_, ": ", field, ": ", value, range_text(least, most));
    return static_cast<T>(value);
  }
  double positive(double value, const std::string& field) const {
    check_input(std::isfinite(value) && value > 0, source_, ": ", field, ": ", value,
                " where a positive number was expected");
    return value;
  }
  double between(double value, const std::string& field, double least, double most) const {
    check_input(std::isfinite(value) && value >= least && value <= most, source_, ": ", field, ": ",
                value, " where a number from ", least, " to ", most, " was expected");
    return value;
  }
  double not_negative(double value, const std::string& field) const {
    check_input(std::isfinite(value) && value >= 0, source_, ": ", field, ": ", value,
                " where a number of at least 0 was expected");
    return value;
  }
  template <class... Parts>
  void that(bool ok, const std::string& field, const Parts&... parts) const {
    check_input(ok, source_, ": ", field, ": ", parts...);
  }

 private:
  static std::string range_text(std::int64_t least, std::int64_t most) {
    return most == std::numeric_limits<std::int64_t>::max()
               ? message_of(" where a whole number of at least ", least, " was expected")
               : message_of(" where a whole number from ", least, " to ", most, " was expected");
  }

  std::string source_;
};

}  // namespace bam
