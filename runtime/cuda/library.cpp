#include "runtime/cuda/library.h"

#include <dlfcn.h>

#include "runtime/check.h"
#include "runtime/cuda/library_places.h"

namespace bam::cuda {

Library::Library(const std::string& name) : name_(name), handle_(nullptr) {
  std::string why;
  for (const std::string& place : places_of_library(name)) {
    handle_ = dlopen(place.c_str(), RTLD_NOW | RTLD_LOCAL);
    if (handle_ != nullptr) {
      return;
    }
    why += std::string(why.empty() ? "" : "; ") + dlerror();
  }
  throw Error(message_of("no ", name, ": set BAM_CUDA_LIBRARIES to its folder (", why, ")"));
}

void* Library::symbol(const char* name) const {
  void* found = dlsym(handle_, name);
  check(found != nullptr, name_, " has no ", name);
  return found;
}

}  // namespace bam::cuda
