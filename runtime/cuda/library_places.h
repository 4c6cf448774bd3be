#pragma once

#include <string>
#include <vector>

namespace bam::cuda {

/// Where a shared library of that name may be, in the order to try: the folders of
/// BAM_CUDA_LIBRARIES (separated by colons), wherever the system looks (the name alone), then what
/// exists of it in the CUDA toolkit (CUDA_HOME, CUDA_PATH, /usr/local/cuda) and in Python's NVIDIA
/// wheels (nvidia/*/lib in the packages of VIRTUAL_ENV, CONDA_PREFIX, the python3 on PATH, the
/// user's own, /usr/local and /usr).
std::vector<std::string> places_of_library(const std::string& name);

/// Whether the numbers after ".so." in a file's name are of a version before `least`. Not where they
/// are the first of a version's alone ("libcudnn.so.9"), which say too little.
bool is_named_older(const std::string& file, const std::vector<int>& least);

}  // namespace bam::cuda
