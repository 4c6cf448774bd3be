# Part of `cmake --install` (cmake/bundle.cmake): copies what `programs` and Open MPI load into lib/, with
# Open MPI's plugins, texts and settings, and has each file look for its libraries in the bundle.
set(root "$ENV{DESTDIR}${CMAKE_INSTALL_PREFIX}")
foreach(needed orterun orted patchelf plugins_from plugins_to texts_to)
  if(NOT ${needed})
    message(FATAL_ERROR "a bundle needs Open MPI 4 (orterun, orted, ompi_info) and patchelf; "
      "there is no ${needed}: launch/install --tests installs them")
  endif()
endforeach()

# Every bundle's machine has glibc, and a GPU's its driver.
set(of_the_machine "^ld-linux" "^lib(c|m|dl|rt|pthread|util|resolv|anl)\\.so" "^libcuda\\.so")
file(GLOB plugins "${plugins_from}/mca_*.so")
list(FILTER plugins EXCLUDE REGEX "${left_out}")
file(GET_RUNTIME_DEPENDENCIES
  EXECUTABLES ${programs} ${orterun} ${orted} MODULES ${plugins}
  PRE_EXCLUDE_REGEXES ${of_the_machine}
  RESOLVED_DEPENDENCIES_VAR libraries UNRESOLVED_DEPENDENCIES_VAR unknown
  CONFLICTING_DEPENDENCIES_PREFIX twice)
if(unknown)
  message(FATAL_ERROR "libraries that are nowhere: ${unknown}")
endif()
foreach(name ${twice_FILENAMES})  # one library by two paths, as where /lib is a link
  list(GET twice_${name} 0 first)
  list(APPEND libraries ${first})
endforeach()

# Copies what a path leads to and has it look for libraries in `where`, seen from its own folder.
function(put file to where)
  get_filename_component(real "${file}" REALPATH)
  get_filename_component(folder "${to}" DIRECTORY)
  file(MAKE_DIRECTORY "${folder}")
  file(COPY_FILE "${real}" "${to}")
  execute_process(COMMAND ${patchelf} --set-rpath "${where}" "${to}" COMMAND_ERROR_IS_FATAL ANY)
endfunction()

foreach(library ${libraries})
  get_filename_component(name "${library}" NAME)
  put("${library}" "${root}/lib/${name}" "$ORIGIN")
endforeach()
file(RELATIVE_PATH up "/${plugins_to}" "/lib")
foreach(plugin ${plugins})
  get_filename_component(name "${plugin}" NAME)
  put("${plugin}" "${root}/${plugins_to}/${name}" "$ORIGIN/${up}")
endforeach()
foreach(program ${orterun} ${orted})
  get_filename_component(name "${program}" NAME)
  put("${program}" "${root}/bin/${name}" "$ORIGIN/../lib")
endforeach()
file(GLOB texts "${texts_from}/*.txt")
file(COPY ${texts} DESTINATION "${root}/${texts_to}")
file(GLOB settings "${settings_from}/openmpi-*")
file(COPY ${settings} DESTINATION "${root}/etc/openmpi")

# The terms under which all this may be handed on, where Debian's packages have them.
find_program(dpkg_query dpkg-query)
foreach(file ${libraries} ${plugins} ${orterun} ${orted} ${static_libraries})
  get_filename_component(real "${file}" REALPATH)
  string(REGEX REPLACE "^/usr/lib/" "/lib/" merged "${real}")
  if(dpkg_query)
    execute_process(COMMAND ${dpkg_query} --search "${real}" "${merged}"
      OUTPUT_VARIABLE owner ERROR_QUIET)
  endif()
  string(REGEX MATCH "^[^:,]+" package "${owner}")
  if(package AND EXISTS "/usr/share/doc/${package}/copyright")
    get_filename_component(terms "/usr/share/doc/${package}/copyright" REALPATH)
    file(MAKE_DIRECTORY "${root}/share/doc/bam/licenses")
    file(COPY_FILE "${terms}" "${root}/share/doc/bam/licenses/${package}")
  endif()
endforeach()
