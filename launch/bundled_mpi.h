#pragma once

namespace bam {

/// Where this program lies in a bundle (cmake/bundle.cmake), has MPI and every `mpirun` started
/// from here be the bundle's. Sets environment variables: to be called before there are threads.
void use_bundled_mpi();

}  // namespace bam
