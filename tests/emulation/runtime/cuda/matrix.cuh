#pragma once

// Stands in for runtime/cuda/matrix.cuh: the same instructions, as the PTX manual describes them.

#include "tests/emulation/emulator.h"

namespace bam::cuda {

inline unsigned pair_of(std::uint16_t low, std::uint16_t high) {
  return low | static_cast<unsigned>(high) << 16;
}

inline const std::uint16_t* row_of(const std::array<std::uint64_t, 32>& rows, int i) {
  return reinterpret_cast<const std::uint16_t*>(rows[static_cast<std::size_t>(i)]);
}

inline void load_matrices(unsigned (&to)[4], const void* row) {
  emulation::check_aligned(row, 16);
  const auto rows = emulation::exchange(reinterpret_cast<std::uint64_t>(row));
  const int lane = emulation::own_lane();
  for (int i = 0; i < 4; ++i) {
    const std::uint16_t* from = row_of(rows, 8 * i + lane / 4) + 2 * (lane % 4);
    to[i] = pair_of(from[0], from[1]);
  }
}

inline void load_matrices_turned(unsigned (&to)[4], const void* row) {
  emulation::check_aligned(row, 16);
  const auto rows = emulation::exchange(reinterpret_cast<std::uint64_t>(row));
  const int lane = emulation::own_lane();
  for (int i = 0; i < 4; ++i) {
    const int first = 8 * i + 2 * (lane % 4);
    to[i] = pair_of(row_of(rows, first)[lane / 4], row_of(rows, first + 1)[lane / 4]);
  }
}

inline float half_of(std::uint64_t word, int half) {
  return std::bit_cast<float>(static_cast<unsigned>(word >> (16 * half) & 0xffff) << 16);
}

inline void multiply_add(float (&c)[4], const unsigned (&a)[4], unsigned b0, unsigned b1) {
  float a_of[16][16];  // (row, k)
  float b_of[16][8];   // (k, column)
  for (int part = 0; part < 4; ++part) {
    const auto words = emulation::exchange(a[part]);
    for (int lane = 0; lane < 32; ++lane) {
      for (int half = 0; half < 2; ++half) {
        a_of[lane / 4 + part % 2 * 8][lane % 4 * 2 + half + part / 2 * 8] =
            half_of(words[static_cast<std::size_t>(lane)], half);
      }
    }
  }
  for (int part = 0; part < 2; ++part) {
    const auto words = emulation::exchange(part == 0 ? b0 : b1);
    for (int lane = 0; lane < 32; ++lane) {
      for (int half = 0; half < 2; ++half) {
        b_of[lane % 4 * 2 + half + part * 8][lane / 4] =
            half_of(words[static_cast<std::size_t>(lane)], half);
      }
    }
  }
  const int own = emulation::own_lane();
  for (int i = 0; i < 4; ++i) {
    for (int k = 0; k < 16; ++k) {
      c[i] += a_of[own / 4 + i / 2 * 8][k] * b_of[k][own % 4 * 2 + i % 2];
    }
  }
}

}  // namespace bam::cuda
