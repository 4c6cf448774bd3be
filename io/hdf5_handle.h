#pragma once

#include <hdf5.h>

#include <string>
#include <utility>

#include "runtime/check.h"

namespace bam {

/// An HDF5 identifier of any kind, given back at the end of the scope.
class Hdf5Handle {
 public:
  explicit Hdf5Handle(hid_t id) : id_(id) {}
  Hdf5Handle(Hdf5Handle&& other) noexcept : id_(std::exchange(other.id_, H5I_INVALID_HID)) {}
  Hdf5Handle& operator=(Hdf5Handle&&) = delete;
  ~Hdf5Handle() {
    if (id_ > 0) {
      H5Idec_ref(id_);
    }
  }
  hid_t get() const { return id_; }

 private:
  hid_t id_;
};

/// For reading: BadInput, naming `what` and what was expected there, unless `id` is good.
inline Hdf5Handle opened(hid_t id, const std::string& what, const char* expected) {
  check_input(id >= 0, what, ": expected ", expected);
  return Hdf5Handle(id);
}

}  // namespace bam
