#include "runtime/cuda/documents.h"
#include "runtime/cuda/kernel.cuh"

namespace bam::cuda {
namespace {

constexpr int kScanThreads = 1024;

struct DocumentCall {
  const std::int32_t* query_rows;       // (rows)
  const std::int32_t* document_starts;  // (rows)
  std::int64_t rows;
  std::int64_t length;     // of a sequence
  std::int64_t documents;  // at most
  Fault* fault;

  // Whether a document starts at the row; a fault where the row or its start cannot be.
  __device__ bool starts_at(std::int64_t row) const {
    const int start = document_starts[row];
    const std::int64_t first = row / length * length;
    const bool is_start = start == row;
    const bool goes_on = row > first && start == document_starts[row - 1];
    if (query_rows[row] != row) {
      is_below(query_rows[row], 0, Fault::kQueryRow, fault);
    } else if (!is_start && !goes_on) {
      is_below(start, 0, Fault::kDocument, fault);
    }
    return is_start;
  }
};

struct DocumentPlaces {
  std::int32_t* lengths;
  std::int64_t* edges[3];
  std::int64_t strides[3];  // elements of a row
  std::int64_t count;

  __device__ void put(std::int64_t document, std::int64_t row) const {
    for (int i = 0; i < 3; ++i) {
      edges[i][document] = row * strides[i];
    }
  }
  __device__ std::int64_t edge(std::int64_t document) const {
    return edges[0][document] / strides[0];
  }
};

// The sum of the threads' numbers before this one's, and of all.
struct Scanned {
  int before;
  int total;
};

__device__ Scanned scan_block(int number) {
  __shared__ int sums[kScanThreads];
  const unsigned self = threadIdx.x;
  sums[self] = number;
  for (unsigned distance = 1; distance < kScanThreads; distance *= 2) {
    __syncthreads();
    const int other = self >= distance ? sums[self - distance] : 0;
    __syncthreads();
    sums[self] += other;
  }
  __syncthreads();
  return {sums[self] - number, sums[kScanThreads - 1]};
}

// One block: a thread looks at rows one after the other, twice.
__global__ void __launch_bounds__(kScanThreads)
    documents_kernel(DocumentCall call, DocumentPlaces places) {
  const std::int64_t share = (call.rows + kScanThreads - 1) / kScanThreads;
  const std::int64_t begin = share * threadIdx.x < call.rows ? share * threadIdx.x : call.rows;
  const std::int64_t end = begin + share < call.rows ? begin + share : call.rows;
  int found = 0;
  for (std::int64_t row = begin; row < end; ++row) {
    found += call.starts_at(row) ? 1 : 0;
  }
  const Scanned scanned = scan_block(found);
  std::int64_t document = scanned.before;
  for (std::int64_t row = begin; row < end && document <= places.count; ++row) {
    if (call.document_starts[row] == row) {
      places.put(document++, row);
    }
  }
  if (threadIdx.x == 0) {
    is_below(scanned.total, call.documents + 1, Fault::kDocuments, call.fault);
  }
  for (std::int64_t i = threadIdx.x; i <= places.count; i += kScanThreads) {
    if (i >= scanned.total) {
      places.put(i, call.rows);
    }
  }
  __syncthreads();
  for (std::int64_t i = threadIdx.x; i < places.count; i += kScanThreads) {
    const std::int64_t length = places.edge(i + 1) - places.edge(i);
    // A fault may have left a document that crosses sequences, and kernels read on.
    places.lengths[i] = static_cast<std::int32_t>(length < call.length ? length : call.length);
  }
}

__global__ void whole_sequences_kernel(DocumentCall call) {
  const std::int64_t row = place();
  if (row < call.rows && call.starts_at(row) && row % call.length != 0) {
    is_below(call.document_starts[row], 0, Fault::kDocument, call.fault);
  }
}

__global__ void turn_kernel(const float* from, float* to, std::int64_t elements, int heads,
                            std::int64_t length) {
  const std::int64_t i = place();
  if (i < elements) {
    const std::int64_t token = i % length;
    const std::int64_t head = i / length % heads;
    const std::int64_t sequence = i / length / heads;
    to[i] = from[(sequence * length + token) * heads + head];
  }
}

DocumentCall call_of(Stream& stream, const AttentionShape& shape, const Tensor& query_rows,
                     const Tensor& document_starts) {
  return {.query_rows = data_of<std::int32_t>(query_rows),
          .document_starts = data_of<std::int32_t>(document_starts),
          .rows = shape.keys(),
          .length = shape.length,
          .documents = shape.documents,
          .fault = stream.queue().fault()};
}

std::int64_t* edges_in(const Tensor& words) { return reinterpret_cast<std::int64_t*>(words.raw()); }

}  // namespace

Documents find_documents(Stream& stream, const AttentionShape& shape, const Tensor& query_rows,
                         const Tensor& document_starts, std::int64_t count) {
  const auto edges = [&] { return Tensor(stream, {2 * (count + 1)}, DType::kInt32); };
  Documents found{Tensor(stream, {count}, DType::kInt32), edges(), edges(), edges()};
  const DocumentPlaces places{
      .lengths = data_of<std::int32_t>(found.lengths),
      .edges = {edges_in(found.query_edges), edges_in(found.key_edges), edges_in(found.row_edges)},
      .strides = {shape.heads * shape.head_dim, shape.kv_heads * shape.head_dim, shape.heads},
      .count = count};
  launch(stream, {.blocks = {1}, .threads = {kScanThreads}}, documents_kernel,
         call_of(stream, shape, query_rows, document_starts), places);
  return found;
}

void check_whole_sequences(Stream& stream, const AttentionShape& shape, const Tensor& query_rows,
                           const Tensor& document_starts) {
  launch(stream, thread_each(shape.keys()), whole_sequences_kernel,
         call_of(stream, shape, query_rows, document_starts));
}

void turn_log_sums(Stream& stream, const AttentionShape& shape, const Tensor& from,
                   const Tensor& to) {
  launch(stream, thread_each(from.elements()), turn_kernel, data_of<float>(from),
         data_of<float>(to), from.elements(), static_cast<int>(shape.heads), shape.length);
}

}  // namespace bam::cuda
