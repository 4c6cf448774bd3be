#pragma once

#include <span>

#include "runtime/matmul.h"

namespace bam {

/// The products by cuBLAS's grouped ones, whatever their size (matmul_each leaves large ones
/// alone). Returns false, with nothing done, where there are none.
bool multiply_together(Stream& stream, std::span<const Product> products);

}  // namespace bam
