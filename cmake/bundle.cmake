# The bundle, which `cmake --install` makes and CPack packs: the program, the libraries it loads and Open
# MPI, in one folder that runs wherever it is put. Not in it: glibc, drivers, and CUDA's own libraries,
# which are found when the program runs (runtime/cuda/library.h).
# `bam_bundle(target component)` puts a program into it, those of the component `bundle` always, others
# where they are asked for; `bam_make_bundle()`, called last, adds what the programs need.
set(CMAKE_INSTALL_RPATH "$ORIGIN/../lib")

# Plugins of OSHMEM, of MPI's own tools, and of fabrics whose libraries belong to the host's driver:
# Debian has them off too (openmpi-mca-params.conf), and on GPUs the fabric is NCCL's.
set(BAM_MPI_LEFT_OUT "mca_(atomic|memheap|scoll|spml|sshmem)_|_(ucx|ofi|openib|psm2?|monitoring)\\.so")

function(bam_bundle target component)
  set(only_if_asked)
  if(NOT component STREQUAL "bundle")
    set(only_if_asked EXCLUDE_FROM_ALL)
  endif()
  install(TARGETS ${target} RUNTIME DESTINATION bin COMPONENT ${component} ${only_if_asked})
  if(NOT TARGET ${component}_programs)
    add_custom_target(${component}_programs)
    set_property(GLOBAL APPEND PROPERTY BAM_BUNDLE_COMPONENTS ${component})
  endif()
  add_dependencies(${component}_programs ${target})
  set_property(GLOBAL APPEND PROPERTY BAM_BUNDLE_${component} "$<TARGET_FILE:${target}>")
endfunction()

# What Open MPI's folders are called under whatever prefix it has.
function(bam_find_mpi_folders)
  find_program(BAM_ORTERUN orterun)
  find_program(BAM_ORTED orted)
  find_program(BAM_OMPI_INFO ompi_info)
  find_program(BAM_PATCHELF patchelf)
  if(BAM_OMPI_INFO)
    execute_process(OUTPUT_VARIABLE real
      COMMAND ${BAM_OMPI_INFO} --parsable --path all)
    execute_process(OUTPUT_VARIABLE moved
      COMMAND ${CMAKE_COMMAND} -E env OPAL_PREFIX=/@ ${BAM_OMPI_INFO} --parsable --path all)
  endif()
  foreach(folder pkglibdir pkgdatadir sysconfdir)
    string(REGEX MATCH "path:${folder}:([^\n]*)" line "${real}")
    set(BAM_MPI_${folder} "${CMAKE_MATCH_1}" PARENT_SCOPE)
    string(REGEX MATCH "path:${folder}:/@/([^\n]*)" line "${moved}")
    set(BAM_MPI_${folder}_MOVED "${CMAKE_MATCH_1}" PARENT_SCOPE)
  endforeach()
endfunction()

function(bam_make_bundle)
  bam_find_mpi_folders()
  get_property(components GLOBAL PROPERTY BAM_BUNDLE_COMPONENTS)
  foreach(component ${components})
    get_property(programs GLOBAL PROPERTY BAM_BUNDLE_${component})
    set(only_if_asked)
    if(NOT component STREQUAL "bundle")
      set(only_if_asked EXCLUDE_FROM_ALL)
    endif()
    install(CODE "
      set(programs \"${programs}\")
      set(static_libraries \"${PROTOBUF_ARCHIVE}\")
      set(orterun \"${BAM_ORTERUN}\")
      set(orted \"${BAM_ORTED}\")
      set(patchelf \"${BAM_PATCHELF}\")
      set(left_out [[${BAM_MPI_LEFT_OUT}]])
      set(plugins_from \"${BAM_MPI_pkglibdir}\")
      set(plugins_to \"${BAM_MPI_pkglibdir_MOVED}\")
      set(texts_from \"${BAM_MPI_pkgdatadir}\")
      set(texts_to \"${BAM_MPI_pkgdatadir_MOVED}\")
      set(settings_from \"${BAM_MPI_sysconfdir}\")"
      COMPONENT ${component} ${only_if_asked})
    install(SCRIPT ${PROJECT_SOURCE_DIR}/cmake/bundle_install.cmake
      COMPONENT ${component} ${only_if_asked})
  endforeach()
  install(PROGRAMS launch/bundle/mpirun DESTINATION bin COMPONENT bundle)
  install(FILES LICENSE README.md DESTINATION share/doc/bam COMPONENT bundle)
  install(DIRECTORY launch/recipes DESTINATION share/bam COMPONENT bundle)
endfunction()

set(CPACK_GENERATOR TGZ)
set(CPACK_PACKAGE_FILE_NAME bam-${PROJECT_VERSION}-linux-${CMAKE_SYSTEM_PROCESSOR})
set(CPACK_STRIP_FILES ON)
set(CPACK_VERBATIM_VARIABLES ON)
set(CPACK_INSTALL_CMAKE_PROJECTS "${PROJECT_BINARY_DIR};bam;bundle;/")
include(CPack)
