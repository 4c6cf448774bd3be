# GPUs: BAM_HAS_CUDA tells whether they are built for, BAM_CUDA_KERNELS and BAM_CUDA_SOURCES what that
# takes. Tests run the same files without a GPU (tests/emulation/).
set(BAM_CUDA AUTO CACHE STRING "Build for GPUs: AUTO (where the CUDA toolkit is found), ON, OFF")
set(BAM_CUDA_ARCHITECTURES 90a CACHE STRING "GPU architectures to build for, e.g. 90a;100a")
set(BAM_CUDA_LEAST_VERSION 13.0)

set(BAM_CUDA_KERNELS
  adamw.cu
  attention.cu
  attention_backward.cu
  cross_entropy.cu
  documents.cu
  elementwise.cu
  embedding.cu
  gated_block.cu
  gates.cu
  layer_norm.cu
  layer_norm_rows.cu
  norms.cu
  order.cu
  padding.cu
  part_sums.cu
  rope.cu
  router_products.cu
  routing_sums.cu
  rows.cu
  sparse_gates.cu
  stacked_parts.cu
  swiglu.cu
)
list(TRANSFORM BAM_CUDA_KERNELS PREPEND ${PROJECT_SOURCE_DIR}/runtime/cuda/)
set(BAM_CUDA_SOURCES device.cpp graph.cpp grouped_products.cpp kernels.cpp library_places.cpp matmul.cpp queue.cpp)
list(TRANSFORM BAM_CUDA_SOURCES PREPEND ${PROJECT_SOURCE_DIR}/runtime/cuda/)
# cuBLASLt's.
set(BAM_CUDA_PRODUCTS library.cpp products.cpp)
list(TRANSFORM BAM_CUDA_PRODUCTS PREPEND ${PROJECT_SOURCE_DIR}/runtime/cuda/)

# What needs cuDNN's header.
set(BAM_CUDNN_SOURCES cudnn.cpp flash_attention.cpp flash_graphs.cpp flash_parts.cpp operation_graph.cpp)
list(TRANSFORM BAM_CUDNN_SOURCES PREPEND ${PROJECT_SOURCE_DIR}/runtime/cuda/)

# The communicator that needs NCCL.
set(BAM_NCCL_SOURCES nccl_backend.cpp nccl_job.cpp nccl_library.cpp)
list(TRANSFORM BAM_NCCL_SOURCES PREPEND ${PROJECT_SOURCE_DIR}/parallel/)

if(NOT BAM_CUDA MATCHES "^(AUTO|ON|OFF)$")
  message(FATAL_ERROR "BAM_CUDA=${BAM_CUDA} is none of AUTO, ON, OFF")
endif()
set(BAM_HAS_CUDA OFF)
set(BAM_HAS_CUDNN OFF)
set(BAM_HAS_NCCL OFF)
if(BAM_CUDA STREQUAL "OFF")
  return()
endif()
find_program(BAM_NVCC nvcc HINTS ENV CUDACXX ENV CUDA_PATH PATH_SUFFIXES bin PATHS /usr/local/cuda/bin)
if(BAM_NVCC)
  execute_process(COMMAND ${BAM_NVCC} --version OUTPUT_VARIABLE version)
  string(REGEX MATCH "release ([0-9.]+)" version "${version}")
  set(version ${CMAKE_MATCH_1})
endif()
if(BAM_NVCC AND version VERSION_GREATER_EQUAL BAM_CUDA_LEAST_VERSION)
  set(CMAKE_CUDA_COMPILER ${BAM_NVCC})
  set(CMAKE_CUDA_ARCHITECTURES ${BAM_CUDA_ARCHITECTURES})
  enable_language(CUDA)
  if(NOT CMAKE_CUDA20_STANDARD_COMPILE_OPTION)  # CMake 3.25 knows no C++20 of nvcc's
    set(CMAKE_CUDA20_STANDARD_COMPILE_OPTION -std=c++20)
    set(CMAKE_CUDA20_EXTENSION_COMPILE_OPTION -std=c++20)
  endif()
  set(CMAKE_CUDA_STANDARD 20)
  find_package(CUDAToolkit REQUIRED)
  set(BAM_HAS_CUDA ON)
  # Not part of every toolkit; only their headers are needed to build.
  find_path(BAM_CUDNN_INCLUDE_DIR cudnn_graph.h HINTS ${CUDAToolkit_INCLUDE_DIRS})
  find_path(BAM_NCCL_INCLUDE_DIR nccl.h HINTS ${CUDAToolkit_INCLUDE_DIRS})
  if(BAM_CUDNN_INCLUDE_DIR)
    set(BAM_HAS_CUDNN ON)
  endif()
  if(BAM_NCCL_INCLUDE_DIR)
    set(BAM_HAS_NCCL ON)
  endif()
elseif(BAM_CUDA STREQUAL "ON")
  message(FATAL_ERROR "BAM_CUDA=ON: no nvcc ${BAM_CUDA_LEAST_VERSION} or newer (found: ${BAM_NVCC} ${version}); name one with CUDACXX")
endif()
message(STATUS "GPUs: ${BAM_HAS_CUDA}, cuDNN: ${BAM_HAS_CUDNN}, NCCL: ${BAM_HAS_NCCL}")
