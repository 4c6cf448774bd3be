#include "parallel/mpi_check.h"

#define OMPI_SKIP_MPICXX 1
#include <mpi.h>

#include <exception>
#include <iostream>
#include <string>

#include "runtime/check.h"

namespace bam {

void check_mpi(int code, const char* what) {
  if (code != MPI_SUCCESS) {
    char text[MPI_MAX_ERROR_STRING];
    int length = 0;
    MPI_Error_string(code, text, &length);
    throw Error(message_of(what, ": ", std::string(text, static_cast<std::size_t>(length))));
  }
}

void tell_of_mpi(int code, const char* what) noexcept {
  try {
    check_mpi(code, what);
  } catch (const std::exception& error) {
    std::cerr << std::string("bam: ") + error.what() + "\n" << std::flush;
  }
}

}  // namespace bam
