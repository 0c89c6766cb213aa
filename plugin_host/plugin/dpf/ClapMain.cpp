// As DPF's DistrhoPluginMain.cpp, with the CLAP file that cmake/Clap.cmake has patched.
#include "src/DistrhoPlugin.cpp"
#include "PatchedPluginCLAP.cpp"
#define DISTRHO_IS_STANDALONE 0
#include "src/DistrhoUtils.cpp"
