#include "runtime/cuda/library.h"

#include <dlfcn.h>
#include <link.h>

#include <filesystem>

#include "runtime/check.h"
#include "runtime/cuda/library_places.h"

namespace bam::cuda {
namespace {

// The file an open library came from, without links.
std::string file_of(void* handle) {
  link_map* map = nullptr;
  check(dlinfo(handle, RTLD_DI_LINKMAP, static_cast<void*>(&map)) == 0, "dlinfo: ", dlerror());
  std::error_code unknown;
  return std::filesystem::canonical(map->l_name, unknown).string();
}

}  // namespace

Library::Library(const std::string& name, const std::vector<int>& least)
    : name_(name), handle_(nullptr) {
  std::string why;
  for (const std::string& place : places_of_library(name)) {
    why += why.empty() ? "" : "; ";
    handle_ = dlopen(place.c_str(), RTLD_NOW | RTLD_LOCAL);
    if (handle_ == nullptr) {
      why += dlerror();
    } else if (const std::string file = file_of(handle_); is_named_older(file, least)) {
      why += file + " is too old";
      dlclose(handle_);
    } else {
      return;
    }
  }
  throw Error(message_of("no ", name, ": set BAM_CUDA_LIBRARIES to its folder (", why, ")"));
}

void* Library::symbol(const char* name) const {
  void* found = dlsym(handle_, name);
  check(found != nullptr, name_, " has no ", name);
  return found;
}

}  // namespace bam::cuda
