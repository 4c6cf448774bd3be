#pragma once

#include <cudnn_graph.h>

#include <cstdint>

#include "runtime/cuda/library.h"

namespace bam::cuda {

/// cuDNN's graph API, by the names of its header: found when it is first used
/// (runtime/cuda/library.h), so that a program starts without it.
class Cudnn {
 public:
  /// Throws Error where there is no cuDNN, or one that is too old.
  Cudnn();

  /// Throws Error with cuDNN's own words unless `status` is success.
  void check_ok(cudnnStatus_t status, const char* what) const;

 private:
  Library library_;
  decltype(&cudnnGetLastErrorString) get_last_error_string_;

 public:
  decltype(&cudnnCreate) create;
  decltype(&cudnnDestroy) destroy;
  decltype(&cudnnSetStream) set_stream;
  decltype(&cudnnBackendCreateDescriptor) create_descriptor;
  decltype(&cudnnBackendDestroyDescriptor) destroy_descriptor;
  decltype(&cudnnBackendSetAttribute) set_attribute;
  decltype(&cudnnBackendGetAttribute) get_attribute;
  decltype(&cudnnBackendFinalize) finalize;
  decltype(&cudnnBackendExecute) execute;
};

/// One of the graph API's objects: attributes are set, then it is finished, then used by others.
/// `cudnn` outlives it. All throw Error with cuDNN's own words.
class CudnnObject {
 public:
  CudnnObject(const Cudnn& cudnn, cudnnBackendDescriptorType_t type);
  ~CudnnObject();
  CudnnObject(CudnnObject&& other) noexcept;
  CudnnObject& operator=(CudnnObject&& other) noexcept;

  void set(cudnnBackendAttributeName_t name, cudnnBackendAttributeType_t type, std::int64_t count,
           const void* values);
  void set(cudnnBackendAttributeName_t name, std::int64_t value);
  void set(cudnnBackendAttributeName_t name, bool value);
  void set(cudnnBackendAttributeName_t name, const CudnnObject& value);
  void finish(const char* what);

  std::int64_t number(cudnnBackendAttributeName_t name) const;
  cudnnBackendDescriptor_t raw() const { return raw_; }

 private:
  const Cudnn* cudnn_;
  cudnnBackendDescriptor_t raw_ = nullptr;
};

/// A value of one of cuDNN's enumerations, as set() takes it.
template <class Value>
void set_value(CudnnObject& object, cudnnBackendAttributeName_t name,
               cudnnBackendAttributeType_t type, Value value) {
  object.set(name, type, 1, &value);
}

}  // namespace bam::cuda
