#pragma once

#include <string>
#include <vector>

namespace bam::cuda {

/// A shared library that is opened when it is needed, so that a program starts without it; looked
/// for where places_of_library says.
class Library {
 public:
  /// The first that is there, but none whose file is named as older than `least` (is_named_older).
  /// Throws Error naming the library and what to set.
  explicit Library(const std::string& name, const std::vector<int>& least = {});

  /// The function of that name; throws Error where there is none.
  template <class Function>
  Function* function(const char* name) const {
    return reinterpret_cast<Function*>(symbol(name));
  }

 private:
  void* symbol(const char* name) const;

  std::string name_;
  void* handle_;  // never closed: its threads and handles live until the process ends
};

}  // namespace bam::cuda
