// Punchin: the take in place of what passes through.
#pragma once

#include "../DistrhoPluginCommon.h"

#define DISTRHO_PLUGIN_NAME "Punchin"
#define DISTRHO_PLUGIN_URI "urn:punchin:punchin"
#define DISTRHO_PLUGIN_CLAP_ID "org.punchin.punchin"
#define DISTRHO_PLUGIN_UNIQUE_ID Pnc1
#define PUNCHIN_UNIQUE_ID 'P', 'n', 'c', '1'  // the same, of which VST3 makes the plug-in's identity: never change it
#define DISTRHO_PLUGIN_CLAP_FEATURES "audio-effect", "utility", "stereo"
#define DISTRHO_PLUGIN_VST3_CATEGORIES "Fx|Tools|Stereo"

#define DISTRHO_UI_DEFAULT_HEIGHT 620
