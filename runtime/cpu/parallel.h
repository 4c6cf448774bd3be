#pragma once

#include <omp.h>

#include <algorithm>
#include <cstdint>
#include <exception>
#include <utility>

#include "runtime/stream.h"

namespace bam::cpu {

/// Keeps the first exception of a parallel region, which none may leave, until after the region.
class FirstError {
 public:
  template <class Body>
  void guard(Body&& body) noexcept {
    try {
      body();
    } catch (...) {
#pragma omp critical(bam_first_error)
      if (!error_) {
        error_ = std::current_exception();
      }
    }
  }

  void rethrow() const {
    if (error_) {
      std::rethrow_exception(error_);
    }
  }

 private:
  std::exception_ptr error_;
};

/// body(i) for every i of [begin, end), on OpenMP's threads, whoever is free taking the next.
template <class Body>
void parallel_for(std::int64_t begin, std::int64_t end, Body&& body) {
  FirstError error;
#pragma omp parallel for schedule(dynamic)
  for (std::int64_t i = begin; i < end; ++i) {
    error.guard([&] { body(i); });
  }
  error.rethrow();
}

template <class Body>
void serial_for(std::int64_t begin, std::int64_t end, Body&& body) {
  for (std::int64_t i = begin; i < end; ++i) {
    body(i);
  }
}

/// What one thread computes in about a millisecond.
inline constexpr double kPollOperations = 5e7;
/// Less than this (tens of microseconds) is not worth waking other threads for.
inline constexpr double kShareOperations = 2e6;
inline constexpr std::int64_t kShareBytes = std::int64_t{256} << 10;

/// body(task) for every task of [0, tasks), each of about `operations`; polls now and then.
template <class Body>
void for_tasks(Stream& stream, std::int64_t tasks, double operations, Body&& body) {
  if (tasks == 1 || static_cast<double>(tasks) * operations < kShareOperations) {
    serial_for(0, tasks, body);
    stream.poll();
    return;
  }
  const auto in_a_poll = static_cast<std::int64_t>(kPollOperations / std::max(1.0, operations));
  const std::int64_t group =
      stream.polls() ? std::max<std::int64_t>(1, in_a_poll) * omp_get_max_threads() : tasks;
  for (std::int64_t first = 0; first < tasks; first += group) {
    parallel_for(first, std::min(tasks, first + group), body);
    stream.poll();
  }
}

/// About what one thread moves in a millisecond, and a share small enough to balance threads with.
inline constexpr std::int64_t kPollBytes = std::int64_t{8} << 20;
inline constexpr std::int64_t kChunkBytes = std::int64_t{64} << 10;

/// body(begin, end) over chunks that cover [0, rows), on OpenMP's threads; polls now and then.
/// How rows are cut depends on rows and row_bytes alone, never on the threads.
template <class Body>
void for_chunks(Stream& stream, std::int64_t rows, std::int64_t row_bytes, Body&& body) {
  if (rows * row_bytes < kShareBytes) {
    body(std::int64_t{0}, rows);
    stream.poll();
    return;
  }
  const std::int64_t chunk =
      std::max<std::int64_t>(1, kChunkBytes / std::max<std::int64_t>(1, row_bytes));
  const std::int64_t chunks = (rows + chunk - 1) / chunk;
  const std::int64_t group =
      stream.polls() ? kPollBytes / kChunkBytes * omp_get_max_threads() : chunks;
  for (std::int64_t first = 0; first < chunks; first += group) {
    parallel_for(first, std::min(chunks, first + group), [&](std::int64_t i) {
      body(i * chunk, std::min(rows, (i + 1) * chunk));
    });
    stream.poll();
  }
}

}  // namespace bam::cpu
