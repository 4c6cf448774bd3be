#pragma once

#include <sstream>
#include <stdexcept>
#include <string>

namespace bam {

/// A condition the program cannot go on without; the message names what and which values.
class Error : public std::runtime_error {
 public:
  using std::runtime_error::runtime_error;
};

/// Something the user gave is wrong: file, field and value are in the message. Exit code 2.
class BadInput : public Error {
 public:
  using Error::Error;
};

/// The parts, printed one after the other.
template <class... Parts>
std::string message_of(const Parts&... parts) {
  std::ostringstream text;
  (text << ... << parts);
  return std::move(text).str();
}

/// Throws Error with the concatenated parts unless `ok`.
template <class... Parts>
void check(bool ok, const Parts&... parts) {
  if (!ok) [[unlikely]] {
    throw Error(message_of(parts...));
  }
}

/// Throws BadInput with the concatenated parts unless `ok`.
template <class... Parts>
void check_input(bool ok, const Parts&... parts) {
  if (!ok) [[unlikely]] {
    throw BadInput(message_of(parts...));
  }
}

}  // namespace bam
