#include "tests/emulation/cudnn_operations.h"

#include <algorithm>
#include <cmath>
#include <limits>
#include <stdexcept>

#include "runtime/dtype.h"

namespace bam::emulation {
namespace {

using Values = std::vector<double>;  // all elements, the last dimension the closest

void for_each_place(const Place& sizes, const auto& body) {
  Place at{};
  std::int64_t i = 0;
  for (at[0] = 0; at[0] < sizes[0]; ++at[0]) {
    for (at[1] = 0; at[1] < sizes[1]; ++at[1]) {
      for (at[2] = 0; at[2] < sizes[2]; ++at[2]) {
        for (at[3] = 0; at[3] < sizes[3]; ++at[3]) {
          body(at, i++);
        }
      }
    }
  }
}

// Dimensions of size 1 are repeated; several of `at`'s heads share one of a tensor with fewer.
std::size_t index_in(const GraphTensor& tensor, const Place& at, const Place& of) {
  std::int64_t index = 0;
  for (std::size_t i = 0; i < 4; ++i) {
    const std::int64_t size = tensor.sizes[i];
    const std::int64_t place = size == 1 ? 0 : size == of[i] ? at[i] : at[i] / (of[i] / size);
    index = index * size + place;
  }
  return static_cast<std::size_t>(index);
}

double in_type(cudnnDataType_t type, double value) {
  switch (type) {
    case CUDNN_DATA_BFLOAT16:
      return static_cast<float>(static_cast<bfloat16>(static_cast<float>(value)));
    case CUDNN_DATA_FLOAT:
      return static_cast<float>(value);
    default:
      return value;
  }
}

double read(const void* memory, cudnnDataType_t type, std::int64_t at) {
  switch (type) {
    case CUDNN_DATA_BFLOAT16:
      return static_cast<float>(static_cast<const bfloat16*>(memory)[at]);
    case CUDNN_DATA_INT32:
      return static_cast<const std::int32_t*>(memory)[at];
    case CUDNN_DATA_INT64:
      return static_cast<double>(static_cast<const std::int64_t*>(memory)[at]);
    default:
      return static_cast<const float*>(memory)[at];
  }
}

void write(void* memory, cudnnDataType_t type, std::int64_t at, double value) {
  if (type == CUDNN_DATA_BFLOAT16) {
    static_cast<bfloat16*>(memory)[at] = static_cast<bfloat16>(static_cast<float>(value));
  } else {
    static_cast<float*>(memory)[at] = static_cast<float>(value);
  }
}

double reach(cudnnPointwiseMode_t mode, double x, double y) {
  switch (mode) {
    case CUDNN_POINTWISE_ADD:
      return x + y;
    case CUDNN_POINTWISE_SUB:
      return x - y;
    case CUDNN_POINTWISE_MUL:
      return x * y;
    case CUDNN_POINTWISE_DIV:
      return x / y;
    case CUDNN_POINTWISE_IDENTITY:
      return x;
    case CUDNN_POINTWISE_EXP:
      return std::exp(x);
    case CUDNN_POINTWISE_LOG:
      return std::log(x);
    case CUDNN_POINTWISE_CMP_GE:
      return x >= y ? 1 : 0;
    case CUDNN_POINTWISE_CMP_LT:
      return x < y ? 1 : 0;
    case CUDNN_POINTWISE_LOGICAL_AND:
      return x != 0 && y != 0 ? 1 : 0;
    default:
      throw std::logic_error("an operation of elements that is not known");
  }
}

class Run {
 public:
  Run(const GraphProgram& program, const std::map<std::int64_t, void*>& memory,
      const std::map<std::int64_t, float>& numbers)
      : program_(program), memory_(memory), numbers_(numbers) {}

  void perform(const GraphOperation& operation) {
    const GraphTensor& out = program_.tensors.at(operation.out);
    Values values = result(operation, out);
    std::ranges::transform(values, values.begin(),
                           [&](double value) { return in_type(out.type, value); });
    if (!out.is_between) {
      store(out, values);
    }
    values_[out.name] = std::move(values);
  }

 private:
  Values result(const GraphOperation& operation, const GraphTensor& out) {
    switch (operation.kind) {
      case GraphOperation::kMultiply:
        return product(operation, out);
      case GraphOperation::kReduce:
        return reduced(operation, out);
      case GraphOperation::kReshape:
        return reshaped(operation, out);
      default:
        return pointwise(operation, out);
    }
  }

  const Values& values_of(std::int64_t name) {
    const auto [at, is_new] = values_.try_emplace(name);
    if (is_new) {
      at->second = load(program_.tensors.at(name));
    }
    return at->second;
  }

  Values load(const GraphTensor& tensor) const {
    Values values(static_cast<std::size_t>(tensor.elements()));
    for_each_place(tensor.sizes, [&](const Place& at, std::int64_t i) {
      const std::int64_t place = place_of(tensor, at);
      if (tensor.is_number) {
        values[static_cast<std::size_t>(i)] = numbers_.at(tensor.name);
      } else if (place >= 0) {
        values[static_cast<std::size_t>(i)] = read(memory_.at(tensor.name), tensor.type, place);
      }
    });
    return values;
  }

  void store(const GraphTensor& tensor, const Values& values) const {
    for_each_place(tensor.sizes, [&](const Place& at, std::int64_t i) {
      const std::int64_t place = place_of(tensor, at);
      if (place >= 0) {
        write(memory_.at(tensor.name), tensor.type, place, values[static_cast<std::size_t>(i)]);
      }
    });
  }

  // In memory; -1 past a document's end. Offsets count elements of the tensors with the narrowest
  // rows that share them.
  std::int64_t place_of(const GraphTensor& tensor, const Place& at) const {
    std::int64_t place = 0;
    for (std::size_t i = tensor.offsets == 0 ? 0 : 1; i < 4; ++i) {
      place += at[i] * tensor.strides[i];
    }
    if (tensor.offsets == 0) {
      return place;
    }
    const std::int64_t row = row_stride(tensor);
    const std::int64_t unit = narrowest_row(tensor.offsets);
    const auto* offsets = static_cast<const std::int64_t*>(memory_.at(tensor.offsets));
    const std::int64_t begin = offsets[at[0]] / unit * row;
    const std::int64_t end = offsets[at[0] + 1] / unit * row;
    return begin + place < end ? begin + place : -1;
  }
  static std::int64_t row_stride(const GraphTensor& tensor) {
    return std::max(tensor.strides[2], tensor.strides[3]);
  }
  std::int64_t narrowest_row(std::int64_t offsets) const {
    std::int64_t narrowest = std::numeric_limits<std::int64_t>::max();
    for (const auto& [name, tensor] : program_.tensors) {
      if (tensor.offsets == offsets) {
        narrowest = std::min(narrowest, row_stride(tensor));
      }
    }
    return narrowest;
  }

  std::int64_t extent(std::int64_t name, std::int64_t batch, std::int64_t all) {
    return name == 0 ? all
                     : static_cast<std::int64_t>(values_of(name)[static_cast<std::size_t>(batch)]);
  }

  Values product(const GraphOperation& operation, const GraphTensor& out) {
    const GraphTensor& a = program_.tensors.at(operation.inputs[0]);
    const GraphTensor& b = program_.tensors.at(operation.inputs[1]);
    const Values& left = values_of(a.name);
    const Values& right = values_of(b.name);
    Values values(static_cast<std::size_t>(out.elements()));
    for_each_place(out.sizes, [&](const Place& at, std::int64_t i) {
      const auto [rows, cols, depth] = operation.extents;
      if (at[2] >= extent(rows, at[0], out.sizes[2]) ||
          at[3] >= extent(cols, at[0], out.sizes[3])) {
        return;
      }
      double sum = 0;
      for (std::int64_t k = 0; k < extent(depth, at[0], a.sizes[3]); ++k) {
        const Place of_a = {out.sizes[0], out.sizes[1], out.sizes[2], a.sizes[3]};
        const Place of_b = {out.sizes[0], out.sizes[1], a.sizes[3], out.sizes[3]};
        sum += left[index_in(a, {at[0], at[1], at[2], k}, of_a)] *
               right[index_in(b, {at[0], at[1], k, at[3]}, of_b)];
      }
      values[static_cast<std::size_t>(i)] = sum;
    });
    return values;
  }

  Values pointwise(const GraphOperation& operation, const GraphTensor& out) {
    Values values(static_cast<std::size_t>(out.elements()));
    for_each_place(out.sizes, [&](const Place& at, std::int64_t i) {
      const auto input = [&](std::size_t which) {
        const GraphTensor& tensor = program_.tensors.at(operation.inputs[which]);
        return values_of(tensor.name)[index_in(tensor, at, out.sizes)];
      };
      double& value = values[static_cast<std::size_t>(i)];
      if (operation.mode == CUDNN_POINTWISE_GEN_INDEX) {
        value = static_cast<double>(at[static_cast<std::size_t>(operation.axis)]);
      } else if (operation.mode == CUDNN_POINTWISE_BINARY_SELECT) {
        value = input(2) != 0 ? input(0) : input(1);
      } else {
        value = reach(operation.mode, input(0), operation.inputs.size() > 1 ? input(1) : 0);
      }
    });
    return values;
  }

  Values reduced(const GraphOperation& operation, const GraphTensor& out) {
    const bool is_sum = operation.reduction == CUDNN_REDUCE_TENSOR_ADD;
    const double start = is_sum ? 0 : -std::numeric_limits<double>::infinity();
    Values values(static_cast<std::size_t>(out.elements()), start);
    const GraphTensor& x = program_.tensors.at(operation.inputs[0]);
    const Values& from = values_of(x.name);
    for_each_place(x.sizes, [&](const Place& at, std::int64_t i) {
      double& value = values[index_in(out, at, x.sizes)];
      const double each = from[static_cast<std::size_t>(i)];
      value = is_sum ? value + each : std::max(value, each);
    });
    return values;
  }

  // The same memory with its dimensions in another order.
  Values reshaped(const GraphOperation& operation, const GraphTensor& out) {
    const GraphTensor& x = program_.tensors.at(operation.inputs[0]);
    const bool is_turned = x.strides[2] == out.strides[3] && x.strides[3] == out.strides[2];
    if (!is_turned || x.sizes[2] != out.sizes[3] || x.sizes[3] != out.sizes[2]) {
      throw std::logic_error("a reshaping that does not turn the last two dimensions");
    }
    const Values& from = values_of(x.name);
    Values values(from.size());
    for_each_place(out.sizes, [&](const Place& at, std::int64_t i) {
      values[static_cast<std::size_t>(i)] =
          from[index_in(x, {at[0], at[1], at[3], at[2]}, x.sizes)];
    });
    return values;
  }

  const GraphProgram& program_;
  const std::map<std::int64_t, void*>& memory_;
  const std::map<std::int64_t, float>& numbers_;
  std::map<std::int64_t, Values> values_;
};

}  // namespace

bool GraphProgram::adds_in_memory() const {
  return std::ranges::any_of(operations, [&](const GraphOperation& operation) {
    const GraphTensor& out = tensors.at(operation.out);
    return operation.kind == GraphOperation::kMultiply && !out.is_between &&
           out.type == CUDNN_DATA_FLOAT;
  });
}

void GraphProgram::run(const std::map<std::int64_t, void*>& memory,
                       const std::map<std::int64_t, float>& numbers) const {
  Run run(*this, memory, numbers);
  for (const GraphOperation& operation : operations) {
    run.perform(operation);
  }
}

}  // namespace bam::emulation
