# Every package the project stands on; `launch/packages.txt` names where Debian keeps them.
find_package(OpenMP REQUIRED)
find_package(Threads REQUIRED)
find_package(MPI REQUIRED COMPONENTS C)
find_package(HDF5 REQUIRED COMPONENTS C)
find_package(Protobuf REQUIRED)
# Linked in and kept to ourselves: Debian's libsentencepiece carries an older protobuf of its own, and
# two that see each other's symbols do not mix.
find_library(PROTOBUF_ARCHIVE libprotobuf.a REQUIRED)
find_package(ZLIB REQUIRED)
find_package(Boost REQUIRED COMPONENTS program_options)
find_package(nlohmann_json REQUIRED)
find_package(spdlog REQUIRED)

find_package(PkgConfig REQUIRED)
pkg_check_modules(SENTENCEPIECE REQUIRED IMPORTED_TARGET sentencepiece)
pkg_check_modules(XXHASH REQUIRED IMPORTED_TARGET libxxhash)

# oneDNN's own CMake files ask for OpenCL, which the CPU engine does not use.
find_path(ONEDNN_INCLUDE_DIR dnnl.hpp REQUIRED)
find_library(ONEDNN_LIBRARY dnnl REQUIRED)
add_library(bam_onednn INTERFACE)
target_include_directories(bam_onednn SYSTEM INTERFACE ${ONEDNN_INCLUDE_DIR})
target_link_libraries(bam_onednn INTERFACE ${ONEDNN_LIBRARY})
