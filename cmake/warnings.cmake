# Flags that every target of the project carries: `bam_library(name files...)` makes a static
# library with them, `bam_flags(target)` adds them to any other target.
function(bam_flags target)
  target_include_directories(${target} PUBLIC ${PROJECT_SOURCE_DIR})
  target_compile_options(${target} PRIVATE -Wall -Wextra -Wshadow -Wconversion -Wno-sign-conversion
    $<$<CXX_COMPILER_ID:GNU>:-Wno-restrict>)  # GCC 12 misreads std::string + const char* (GCC bug 105651)
  if(BAM_WERROR)
    target_compile_options(${target} PRIVATE -Werror)
  endif()
  if(BAM_NATIVE)
    target_compile_options(${target} PRIVATE -march=native)
  endif()
  if(BAM_SANITIZE)
    target_compile_options(${target} PRIVATE -fsanitize=${BAM_SANITIZE} -fno-omit-frame-pointer)
    target_link_options(${target} PUBLIC -fsanitize=${BAM_SANITIZE})
  endif()
  if(BAM_FUZZ)  # undefined behaviour is a finding, not a remark
    target_compile_options(${target} PRIVATE -fsanitize=fuzzer-no-link -fno-sanitize-recover=all)
  endif()
endfunction()

function(bam_library target)
  add_library(${target} STATIC ${ARGN})
  bam_flags(${target})
endfunction()
