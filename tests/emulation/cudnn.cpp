// Stands in for cuDNN: takes graphs by its graph API and does their operations one by one, so that
// what a graph means is what its operations say.
#include <cudnn_graph.h>

#include <cstdio>
#include <cstring>
#include <stdexcept>
#include <string>

#include "tests/emulation/cudnn_operations.h"

using bam::emulation::GraphOperation;
using bam::emulation::GraphProgram;
using bam::emulation::GraphTensor;

struct cudnnContext {
  cudaStream_t stream = nullptr;
};

namespace {

constexpr std::int64_t kWorkspaceBytes = 1 << 12;

std::string last_error;

cudnnStatus_t refuse(const char* why) {
  last_error = why;
  return CUDNN_STATUS_BAD_PARAM;
}

// What was set, and of a finished object what it means.
struct Descriptor {
  cudnnBackendDescriptorType_t type;
  std::map<cudnnBackendAttributeName_t, std::vector<std::byte>> attributes;
  bool is_finished = false;
  GraphTensor tensor;
  GraphProgram program;  // of a graph, and of what is made from it

  bool has(cudnnBackendAttributeName_t name) const { return attributes.contains(name); }

  template <class T>
  std::vector<T> all(cudnnBackendAttributeName_t name) const {
    const std::vector<std::byte>& bytes = attributes.at(name);
    std::vector<T> values(bytes.size() / sizeof(T));
    std::memcpy(values.data(), bytes.data(), bytes.size());
    return values;
  }
  template <class T>
  T one(cudnnBackendAttributeName_t name) const {
    T value;
    std::memcpy(&value, attributes.at(name).data(), sizeof value);
    return value;
  }
  const Descriptor& other(cudnnBackendAttributeName_t name) const {
    const auto* found = one<const Descriptor*>(name);
    if (!found->is_finished) {
      throw std::logic_error("an object that is used before it is finished");
    }
    return *found;
  }
};

GraphTensor tensor_of(const Descriptor& d) {
  GraphTensor tensor{.name = d.one<std::int64_t>(CUDNN_ATTR_TENSOR_UNIQUE_ID),
                     .type = d.one<cudnnDataType_t>(CUDNN_ATTR_TENSOR_DATA_TYPE),
                     .sizes = d.one<bam::emulation::Place>(CUDNN_ATTR_TENSOR_DIMENSIONS),
                     .strides = d.one<bam::emulation::Place>(CUDNN_ATTR_TENSOR_STRIDES),
                     .is_between = d.one<bool>(CUDNN_ATTR_TENSOR_IS_VIRTUAL),
                     .is_number = d.one<bool>(CUDNN_ATTR_TENSOR_IS_BY_VALUE),
                     .alignment = d.one<std::int64_t>(CUDNN_ATTR_TENSOR_BYTE_ALIGNMENT)};
  if (d.has(CUDNN_ATTR_TENSOR_RAGGED_OFFSET_DESC)) {
    tensor.offsets = d.other(CUDNN_ATTR_TENSOR_RAGGED_OFFSET_DESC).tensor.name;
  }
  return tensor;
}

// Adds one operation to a program.
class OperationReader {
 public:
  OperationReader(GraphProgram& program, const Descriptor& from) : program_(program), from_(from) {}

  GraphOperation read() {
    switch (from_.type) {
      case CUDNN_BACKEND_OPERATION_MATMUL_DESCRIPTOR:
        return product();
      case CUDNN_BACKEND_OPERATION_POINTWISE_DESCRIPTOR:
        return pointwise();
      case CUDNN_BACKEND_OPERATION_REDUCTION_DESCRIPTOR:
        return reduction();
      default:
        return {.kind = GraphOperation::kReshape,
                .inputs = {name(CUDNN_ATTR_OPERATION_RESHAPE_XDESC)},
                .out = name(CUDNN_ATTR_OPERATION_RESHAPE_YDESC)};
    }
  }

 private:
  // Of a tensor, which the program then knows; 0 where there is none.
  std::int64_t name(cudnnBackendAttributeName_t attribute) {
    if (!from_.has(attribute)) {
      return 0;
    }
    const Descriptor& named = from_.other(attribute);
    program_.tensors[named.tensor.name] = named.tensor;
    if (named.tensor.offsets != 0) {
      program_.tensors[named.tensor.offsets] =
          named.other(CUDNN_ATTR_TENSOR_RAGGED_OFFSET_DESC).tensor;
    }
    return named.tensor.name;
  }

  GraphOperation product() {
    return {.kind = GraphOperation::kMultiply,
            .inputs = {name(CUDNN_ATTR_OPERATION_MATMUL_ADESC),
                       name(CUDNN_ATTR_OPERATION_MATMUL_BDESC)},
            .out = name(CUDNN_ATTR_OPERATION_MATMUL_CDESC),
            .extents = {name(CUDNN_ATTR_OPERATION_MATMUL_GEMM_M_OVERRIDE_DESC),
                        name(CUDNN_ATTR_OPERATION_MATMUL_GEMM_N_OVERRIDE_DESC),
                        name(CUDNN_ATTR_OPERATION_MATMUL_GEMM_K_OVERRIDE_DESC)}};
  }

  GraphOperation pointwise() {
    const Descriptor& how = from_.other(CUDNN_ATTR_OPERATION_POINTWISE_PW_DESCRIPTOR);
    GraphOperation out{.kind = GraphOperation::kPointwise,
                       .mode = how.one<cudnnPointwiseMode_t>(CUDNN_ATTR_POINTWISE_MODE),
                       .inputs = {name(CUDNN_ATTR_OPERATION_POINTWISE_XDESC)},
                       .out = name(CUDNN_ATTR_OPERATION_POINTWISE_YDESC)};
    if (how.has(CUDNN_ATTR_POINTWISE_AXIS)) {
      out.axis = how.one<std::int64_t>(CUDNN_ATTR_POINTWISE_AXIS);
    }
    for (const auto attribute :
         {CUDNN_ATTR_OPERATION_POINTWISE_BDESC, CUDNN_ATTR_OPERATION_POINTWISE_TDESC}) {
      if (from_.has(attribute)) {
        out.inputs.push_back(name(attribute));
      }
    }
    return out;
  }

  GraphOperation reduction() {
    const Descriptor& how = from_.other(CUDNN_ATTR_OPERATION_REDUCTION_DESC);
    return {.kind = GraphOperation::kReduce,
            .reduction = how.one<cudnnReduceTensorOp_t>(CUDNN_ATTR_REDUCTION_OPERATOR),
            .inputs = {name(CUDNN_ATTR_OPERATION_REDUCTION_XDESC)},
            .out = name(CUDNN_ATTR_OPERATION_REDUCTION_YDESC)};
  }

  GraphProgram& program_;
  const Descriptor& from_;
};

GraphProgram program_of(const Descriptor& d) {
  GraphProgram program;
  for (const auto* operation : d.all<const Descriptor*>(CUDNN_ATTR_OPERATIONGRAPH_OPS)) {
    program.operations.push_back(OperationReader(program, *operation).read());
  }
  return program;
}

void finish(Descriptor& d) {
  switch (d.type) {
    case CUDNN_BACKEND_TENSOR_DESCRIPTOR:
      d.tensor = tensor_of(d);
      break;
    case CUDNN_BACKEND_OPERATIONGRAPH_DESCRIPTOR:
      d.program = program_of(d);
      break;
    case CUDNN_BACKEND_ENGINEHEUR_DESCRIPTOR:
      d.program = d.other(CUDNN_ATTR_ENGINEHEUR_OPERATION_GRAPH).program;
      break;
    case CUDNN_BACKEND_EXECUTION_PLAN_DESCRIPTOR:
      d.program = d.other(CUDNN_ATTR_EXECUTION_PLAN_ENGINE_CONFIG).program;
      break;
    default:
      break;
  }
  d.is_finished = true;
}

std::size_t bytes_of(cudnnBackendAttributeType_t type) {
  switch (type) {
    case CUDNN_TYPE_BOOLEAN:
      return sizeof(bool);
    case CUDNN_TYPE_DATA_TYPE:
      return sizeof(cudnnDataType_t);
    case CUDNN_TYPE_HEUR_MODE:
      return sizeof(cudnnBackendHeurMode_t);
    case CUDNN_TYPE_POINTWISE_MODE:
      return sizeof(cudnnPointwiseMode_t);
    case CUDNN_TYPE_REDUCTION_OPERATOR_TYPE:
      return sizeof(cudnnReduceTensorOp_t);
    default:
      return sizeof(std::int64_t);  // or an address
  }
}

}  // namespace

std::size_t cudnnGetVersion() { return 91900; }

void cudnnGetLastErrorString(char* message, std::size_t size) {
  std::snprintf(message, size, "%s", last_error.c_str());
}

cudnnStatus_t cudnnCreate(cudnnHandle_t* handle) {
  *handle = new cudnnContext();
  return CUDNN_STATUS_SUCCESS;
}
cudnnStatus_t cudnnDestroy(cudnnHandle_t handle) {
  delete handle;
  return CUDNN_STATUS_SUCCESS;
}
cudnnStatus_t cudnnSetStream(cudnnHandle_t handle, cudaStream_t stream) {
  handle->stream = stream;
  return CUDNN_STATUS_SUCCESS;
}

cudnnStatus_t cudnnBackendCreateDescriptor(cudnnBackendDescriptorType_t type,
                                           cudnnBackendDescriptor_t* descriptor) {
  *descriptor = new Descriptor{.type = type, .attributes = {}, .tensor = {}, .program = {}};
  return CUDNN_STATUS_SUCCESS;
}
cudnnStatus_t cudnnBackendDestroyDescriptor(cudnnBackendDescriptor_t descriptor) {
  delete static_cast<Descriptor*>(descriptor);
  return CUDNN_STATUS_SUCCESS;
}

cudnnStatus_t cudnnBackendSetAttribute(cudnnBackendDescriptor_t descriptor,
                                       cudnnBackendAttributeName_t name,
                                       cudnnBackendAttributeType_t type, std::int64_t count,
                                       const void* values) {
  auto& d = *static_cast<Descriptor*>(descriptor);
  if (d.is_finished) {
    return refuse("an attribute of a finished object");
  }
  const auto* bytes = static_cast<const std::byte*>(values);
  d.attributes[name] = {bytes, bytes + bytes_of(type) * static_cast<std::size_t>(count)};
  return CUDNN_STATUS_SUCCESS;
}

cudnnStatus_t cudnnBackendGetAttribute(cudnnBackendDescriptor_t descriptor,
                                       cudnnBackendAttributeName_t name,
                                       cudnnBackendAttributeType_t /*type*/, std::int64_t /*most*/,
                                       std::int64_t* count, void* values) {
  const auto& d = *static_cast<const Descriptor*>(descriptor);
  *count = 1;
  if (name == CUDNN_ATTR_ENGINEHEUR_RESULTS) {
    auto& engine = **static_cast<Descriptor**>(values);
    engine.program = d.program;
    engine.is_finished = true;
    return CUDNN_STATUS_SUCCESS;
  }
  if (name == CUDNN_ATTR_EXECUTION_PLAN_WORKSPACE_SIZE) {
    *static_cast<std::int64_t*>(values) = kWorkspaceBytes;
    return CUDNN_STATUS_SUCCESS;
  }
  if (name == CUDNN_ATTR_ENGINECFG_ENGINE) {
    auto& engine = **static_cast<Descriptor**>(values);
    engine.program = d.program;
    engine.is_finished = true;
    return CUDNN_STATUS_SUCCESS;
  }
  // Noted of what adds up in memory, although cuDNN 9.19 itself does not.
  if (name == CUDNN_ATTR_ENGINE_NUMERICAL_NOTE) {
    *count = d.program.adds_in_memory() ? 1 : 0;
    *static_cast<cudnnBackendNumericalNote_t*>(values) = CUDNN_NUMERICAL_NOTE_NONDETERMINISTIC;
    return CUDNN_STATUS_SUCCESS;
  }
  return refuse("an attribute that is not known");
}

cudnnStatus_t cudnnBackendFinalize(cudnnBackendDescriptor_t descriptor) {
  try {
    finish(*static_cast<Descriptor*>(descriptor));
    return CUDNN_STATUS_SUCCESS;
  } catch (const std::exception& error) {
    return refuse(error.what());
  }
}

// Numbers are read at once, tensors in the stream's order.
cudnnStatus_t cudnnBackendExecute(cudnnHandle_t handle, cudnnBackendDescriptor_t plan,
                                  cudnnBackendDescriptor_t pack) {
  const auto& program = static_cast<const Descriptor*>(plan)->program;
  const auto& places = *static_cast<const Descriptor*>(pack);
  const auto names = places.all<std::int64_t>(CUDNN_ATTR_VARIANT_PACK_UNIQUE_IDS);
  const auto addresses = places.all<void*>(CUDNN_ATTR_VARIANT_PACK_DATA_POINTERS);
  std::map<std::int64_t, void*> memory;
  std::map<std::int64_t, float> numbers;
  for (std::size_t i = 0; i < names.size(); ++i) {
    const auto tensor = program.tensors.find(names[i]);
    if (tensor == program.tensors.end()) {
      return refuse("a place of no tensor");
    }
    if (!tensor->second.is_number &&
        reinterpret_cast<std::uintptr_t>(addresses[i]) %
                static_cast<std::uintptr_t>(tensor->second.alignment) !=
            0) {
      return refuse("an address that is less aligned than was said");
    }
    if (tensor->second.is_number) {
      numbers[names[i]] = *static_cast<const float*>(addresses[i]);
    } else {
      memory[names[i]] = addresses[i];
    }
  }
  for (const auto& [name, tensor] : program.tensors) {
    if (!tensor.is_between && !memory.contains(name) && !numbers.contains(name)) {
      return refuse("a tensor that has no place");
    }
  }
  void* workspace = places.one<void*>(CUDNN_ATTR_VARIANT_PACK_WORKSPACE);
  handle->stream->put([=] {
    std::memset(workspace, 0xff, kWorkspaceBytes);
    program.run(memory, numbers);
    return true;
  });
  return CUDNN_STATUS_SUCCESS;
}
