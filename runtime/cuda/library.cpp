#include <dlfcn.h>

#include <cstdlib>
#include <sstream>
#include <vector>

#include "runtime/check.h"
#include "runtime/cuda/library.h"

namespace bam::cuda {
namespace {

constexpr const char* kFolders = "BAM_CUDA_LIBRARIES";

std::vector<std::string> places_of(const std::string& name) {
  std::vector<std::string> places;
  const char* named = std::getenv(kFolders);
  std::istringstream folders(named == nullptr ? "" : named);
  for (std::string folder; std::getline(folders, folder, ':');) {
    places.push_back(folder + "/" + name);
  }
  places.push_back(name);
  places.push_back("/usr/local/cuda/lib64/" + name);
  return places;
}

}  // namespace

Library::Library(const std::string& name) : name_(name), handle_(nullptr) {
  std::string why;
  for (const std::string& place : places_of(name)) {
    handle_ = dlopen(place.c_str(), RTLD_NOW | RTLD_LOCAL);
    if (handle_ != nullptr) {
      return;
    }
    why += std::string(why.empty() ? "" : "; ") + dlerror();
  }
  throw Error(message_of("no ", name, ": set ", kFolders, " to its folder (", why, ")"));
}

void* Library::symbol(const char* name) const {
  void* found = dlsym(handle_, name);
  check(found != nullptr, name_, " has no ", name);
  return found;
}

}  // namespace bam::cuda
