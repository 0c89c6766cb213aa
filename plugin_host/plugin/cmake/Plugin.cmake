# punchin_plugin(NAME FOLDER <where its DistrhoPluginInfo.h is> [UI <sources of its window>...])
#
# Builds NAME as VST3 and CLAP into bin/. No LV2: with DPF's, Ardour told the plug-in neither place nor motion, and a take
# without its place is worth nothing.
function(punchin_plugin NAME)
  cmake_parse_arguments(arg "" "FOLDER" "UI" ${ARGN})
  dpf_add_plugin(${NAME}
    TARGETS vst3
    FILES_DSP dpf/PunchinPlugin.cpp
    FILES_UI ${arg_UI})
  target_include_directories(${NAME} PUBLIC ${arg_FOLDER} .)
  target_link_libraries(${NAME} PUBLIC punchin_link punchin_core)
  if(arg_UI)
    punchin_clap(${NAME} UI)
  else()
    punchin_clap(${NAME})
  endif()
endfunction()
