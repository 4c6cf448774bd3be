#pragma once

namespace bam {

/// Throws Error, with MPI's own words, unless a call of MPI came back well; `what` was called.
void check_mpi(int code, const char* what);

/// The same for destructors, which cannot throw: it is told of on standard error.
void tell_of_mpi(int code, const char* what) noexcept;

}  // namespace bam
