# DPF's CMake knows no CLAP, and its CLAP takes `steady_time` for the song's position, which CLAP says it is not: a clock
# that only ever goes forward. So a copy of the one file is built whose position is the transport's. Patched rather than
# written anew, since all else in it (parameters, state, window) is right and DPF's to maintain. Should DPF change that
# place, this stops: look at what it does then.
set(_clap_source "${DPF_PATH}/distrho/src/DistrhoPluginCLAP.cpp")
set(_clap_patched "${CMAKE_CURRENT_BINARY_DIR}/clap/PatchedPluginCLAP.cpp")
set_property(DIRECTORY APPEND PROPERTY CMAKE_CONFIGURE_DEPENDS "${_clap_source}")

file(READ "${_clap_source}" _clap_text)
set(_steady "fTimePosition.frame = process->steady_time >= 0 ? process->steady_time : 0;")
set(_song "fTimePosition.frame = static_cast<uint64_t>(static_cast<int64_t>(std::llround(static_cast<double>(\
transport->song_pos_seconds) / CLAP_SECTIME_FACTOR * fPlugin.getSampleRate())));
            // without a place in seconds nobody knows what of the song sounds: as if it stood still
            if ((transport->flags & CLAP_TRANSPORT_HAS_SECONDS_TIMELINE) == 0)
                fTimePosition.playing = false;")
string(FIND "${_clap_text}" "${_steady}" _first)
string(FIND "${_clap_text}" "${_steady}" _last REVERSE)
if(_first EQUAL -1 OR NOT _first EQUAL _last)
  message(FATAL_ERROR "DPF's CLAP has changed: ${_clap_source} has no longer one place that sets the position from "
    "steady_time. See cmake/Clap.cmake.")
endif()
string(REPLACE "${_steady}" "${_song}" _clap_text "${_clap_text}")
file(CONFIGURE OUTPUT "${_clap_patched}" CONTENT "#include <cmath>\n${_clap_text}" @ONLY)

# punchin_clap(NAME [UI]) adds NAME-clap to a plug-in that `dpf_add_plugin` knows; UI: it has a window.
function(punchin_clap NAME)
  cmake_parse_arguments(arg "UI" "" "" ${ARGN})
  add_library(${NAME}-clap MODULE dpf/ClapMain.cpp)
  if(arg_UI)
    target_sources(${NAME}-clap PRIVATE "${DPF_PATH}/distrho/DistrhoUIMain.cpp")
  endif()
  dpf__set_target_defaults(${NAME}-clap)
  dpf__set_module_export_list(${NAME}-clap clap)
  target_compile_definitions(${NAME}-clap PRIVATE DISTRHO_PLUGIN_TARGET_CLAP)
  target_include_directories(${NAME}-clap PRIVATE
    "${CMAKE_CURRENT_BINARY_DIR}/clap" "${DPF_PATH}/distrho" "${DPF_PATH}/distrho/src")
  target_link_libraries(${NAME}-clap PRIVATE ${NAME}-dsp ${NAME}-ui)
  set_target_properties(${NAME}-clap PROPERTIES
    LIBRARY_OUTPUT_DIRECTORY "${PROJECT_BINARY_DIR}/bin/$<0:>"
    OUTPUT_NAME "${NAME}"
    PREFIX ""
    SUFFIX ".clap")
endfunction()
