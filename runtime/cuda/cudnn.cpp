#include "runtime/cuda/cudnn.h"

#include <utility>

#include "runtime/check.h"

namespace bam::cuda {
namespace {

// What the graphs of runtime/cuda/flash_graphs.cpp have been given to.
constexpr std::size_t kLeastVersion = 91900;

}  // namespace

Cudnn::Cudnn()
    : library_("libcudnn.so.9", {9, 19}),
      get_last_error_string_(
          library_.function<decltype(cudnnGetLastErrorString)>("cudnnGetLastErrorString")),
      create(library_.function<decltype(cudnnCreate)>("cudnnCreate")),
      destroy(library_.function<decltype(cudnnDestroy)>("cudnnDestroy")),
      set_stream(library_.function<decltype(cudnnSetStream)>("cudnnSetStream")),
      create_descriptor(library_.function<decltype(cudnnBackendCreateDescriptor)>(
          "cudnnBackendCreateDescriptor")),
      destroy_descriptor(library_.function<decltype(cudnnBackendDestroyDescriptor)>(
          "cudnnBackendDestroyDescriptor")),
      set_attribute(
          library_.function<decltype(cudnnBackendSetAttribute)>("cudnnBackendSetAttribute")),
      get_attribute(
          library_.function<decltype(cudnnBackendGetAttribute)>("cudnnBackendGetAttribute")),
      finalize(library_.function<decltype(cudnnBackendFinalize)>("cudnnBackendFinalize")),
      execute(library_.function<decltype(cudnnBackendExecute)>("cudnnBackendExecute")) {
  const std::size_t version = library_.function<decltype(cudnnGetVersion)>("cudnnGetVersion")();
  check(version >= kLeastVersion, "cuDNN ", version, " is older than ", kLeastVersion);
}

void Cudnn::check_ok(cudnnStatus_t status, const char* what) const {
  if (status != CUDNN_STATUS_SUCCESS) {
    char why[512] = {};
    get_last_error_string_(why, sizeof why);
    throw Error(message_of(what, ": cuDNN status ", static_cast<int>(status), ": ", why));
  }
}

CudnnObject::CudnnObject(const Cudnn& cudnn, cudnnBackendDescriptorType_t type) : cudnn_(&cudnn) {
  cudnn.check_ok(cudnn.create_descriptor(type, &raw_), "cudnnBackendCreateDescriptor");
}

CudnnObject::~CudnnObject() {
  if (raw_ != nullptr) {
    cudnn_->destroy_descriptor(raw_);
  }
}

CudnnObject::CudnnObject(CudnnObject&& other) noexcept
    : cudnn_(other.cudnn_), raw_(std::exchange(other.raw_, nullptr)) {}

CudnnObject& CudnnObject::operator=(CudnnObject&& other) noexcept {
  std::swap(cudnn_, other.cudnn_);
  std::swap(raw_, other.raw_);
  return *this;
}

void CudnnObject::set(cudnnBackendAttributeName_t name, cudnnBackendAttributeType_t type,
                      std::int64_t count, const void* values) {
  cudnn_->check_ok(cudnn_->set_attribute(raw_, name, type, count, values),
                   "cudnnBackendSetAttribute");
}

void CudnnObject::set(cudnnBackendAttributeName_t name, std::int64_t value) {
  set(name, CUDNN_TYPE_INT64, 1, &value);
}

void CudnnObject::set(cudnnBackendAttributeName_t name, bool value) {
  set(name, CUDNN_TYPE_BOOLEAN, 1, &value);
}

void CudnnObject::set(cudnnBackendAttributeName_t name, const CudnnObject& value) {
  set(name, CUDNN_TYPE_BACKEND_DESCRIPTOR, 1, &value.raw_);
}

void CudnnObject::finish(const char* what) { cudnn_->check_ok(cudnn_->finalize(raw_), what); }

std::int64_t CudnnObject::number(cudnnBackendAttributeName_t name) const {
  std::int64_t value = 0;
  std::int64_t count = 0;
  cudnn_->check_ok(cudnn_->get_attribute(raw_, name, CUDNN_TYPE_INT64, 1, &count, &value),
                   "cudnnBackendGetAttribute");
  return value;
}

}  // namespace bam::cuda
