# punchin_plugin(NAME FOLDER <where its DistrhoPluginInfo.h is>)
#
# Builds NAME as VST3 and CLAP into bin/. No LV2: with DPF's, Ardour told the plug-in neither place nor motion, and a take
# without its place is worth nothing.
function(punchin_plugin NAME)
  cmake_parse_arguments(arg "" "FOLDER" "" ${ARGN})
  dpf_add_plugin(${NAME}
    TARGETS vst3
    FILES_DSP dpf/PunchinPlugin.cpp
    FILES_UI dpf/PunchinUI.cpp view/paint.cpp)
  target_include_directories(${NAME} PUBLIC ${arg_FOLDER} .)
  target_link_libraries(${NAME} PUBLIC punchin_view)

  # DPF's CMake knows no CLAP.
  add_library(${NAME}-clap MODULE)
  dpf__set_target_defaults(${NAME}-clap)
  dpf__set_module_export_list(${NAME}-clap clap)
  target_compile_definitions(${NAME}-clap PRIVATE DISTRHO_PLUGIN_TARGET_CLAP)
  target_link_libraries(${NAME}-clap PRIVATE ${NAME}-dsp ${NAME}-ui)
  set_target_properties(${NAME}-clap PROPERTIES
    LIBRARY_OUTPUT_DIRECTORY "${PROJECT_BINARY_DIR}/bin/$<0:>"
    OUTPUT_NAME "${NAME}"
    PREFIX ""
    SUFFIX ".clap")
  if(APPLE)  # a folder there, of the same name
    set_target_properties(${NAME}-clap PROPERTIES BUNDLE TRUE BUNDLE_EXTENSION clap SUFFIX "")
  endif()

  foreach(format vst3 clap)
    set_property(TARGET ${NAME}-${format} PROPERTY SOURCES dpf/Main.cpp)
    target_sources(${NAME}-${format} PRIVATE "${DPF_PATH}/distrho/DistrhoUIMain.cpp")
    target_include_directories(${NAME}-${format} PRIVATE
      "${CMAKE_CURRENT_BINARY_DIR}/patched" "${DPF_PATH}/distrho" "${DPF_PATH}/distrho/src")
  endforeach()
endfunction()
