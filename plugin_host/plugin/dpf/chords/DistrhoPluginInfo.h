// Punchin Chords: notes what is played to it. A plug-in of its own, as MIDI input gives a VST3 of DPF's 2,080 parameters
// (16 channels of 130 controllers), which nobody wants beside two.
#pragma once

#include "../DistrhoPluginCommon.h"

#define DISTRHO_PLUGIN_NAME "Punchin Chords"
#define DISTRHO_PLUGIN_URI "urn:punchin:chords"
#define DISTRHO_PLUGIN_CLAP_ID "org.punchin.chords"
#define DISTRHO_PLUGIN_UNIQUE_ID Pnc2
#define PUNCHIN_UNIQUE_ID 'P', 'n', 'c', '2'
#define DISTRHO_PLUGIN_CLAP_FEATURES "audio-effect", "note-effect", "utility", "stereo"
#define DISTRHO_PLUGIN_VST3_CATEGORIES "Fx|Tools|Stereo"

#define DISTRHO_UI_DEFAULT_HEIGHT 360
#define DISTRHO_PLUGIN_WANT_MIDI_INPUT 1
#define DISTRHO_PLUGIN_WANT_MIDI_OUTPUT 1  // what comes in goes on to the instrument behind it
