// As DPF's DistrhoPluginMain.cpp, with the files that cmake/Patch.cmake has patched.
#include "src/DistrhoPlugin.cpp"

#if defined(DISTRHO_PLUGIN_TARGET_CLAP)
#include "clap/events.h"
#include "clap/fixedpoint.h"
#include "clap/ext/audio-ports.h"
#include "Channels.hpp"
#include "Parameter.hpp"
#include "Position.hpp"
#include "DistrhoPluginCLAP.cpp"
#elif defined(DISTRHO_PLUGIN_TARGET_VST3)
#include "travesty/audio_processor.h"
#include "Channels.hpp"
#include "Position.hpp"
#include "DistrhoPluginVST3.cpp"
#endif

#define DISTRHO_IS_STANDALONE 0
#include "src/DistrhoUtils.cpp"
