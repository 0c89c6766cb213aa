// Mono and stereo, of what each format knows. Called in place of DPF's own code, which takes a plug-in's most channels for
// its only ones: see cmake/Patch.cmake.
#pragma once

#include <cstdint>
#include <cstdio>

#include "PunchinPlugin.hpp"

START_NAMESPACE_DISTRHO

inline PunchinPlugin& own(const PluginExporter& exporter) noexcept {
  return *static_cast<PunchinPlugin*>(exporter.getInstancePointer());
}

#ifdef DISTRHO_PLUGIN_TARGET_VST3

inline v3_speaker_arrangement arrangement_of(int channels) noexcept {
  return channels == 1 ? V3_SPEAKER_M : V3_SPEAKER_L | V3_SPEAKER_R;
}

/// What a host has in mind: mono where all that it names is, else stereo, which DPF then holds against what it names.
inline int channels_of(const v3_speaker_arrangement* inputs, std::int32_t input_count,
                       const v3_speaker_arrangement* outputs, std::int32_t output_count) noexcept {
  const bool is_mono = input_count == 1 && output_count == 1 && inputs[0] == arrangement_of(1) && outputs[0] == inputs[0];
  return is_mono ? 1 : punchin::kChannels;
}

#endif
#ifdef DISTRHO_PLUGIN_TARGET_CLAP

inline const char* port_type_of(int channels) noexcept { return channels == 1 ? CLAP_PORT_MONO : CLAP_PORT_STEREO; }

// CLAP's extension for plug-ins that have a choice of ports, as of CLAP 1.0; DPF brings no header of it.
constexpr const char* kAudioPortsConfig = "clap.audio-ports-config";

struct AudioPortsConfig {
  clap_id id;
  char name[CLAP_NAME_SIZE];
  std::uint32_t input_port_count;
  std::uint32_t output_port_count;
  bool has_main_input;
  std::uint32_t main_input_channel_count;
  const char* main_input_port_type;
  bool has_main_output;
  std::uint32_t main_output_channel_count;
  const char* main_output_port_type;
};

struct PluginAudioPortsConfig {
  std::uint32_t(CLAP_ABI* count)(const clap_plugin_t*);
  bool(CLAP_ABI* get)(const clap_plugin_t*, std::uint32_t index, AudioPortsConfig*);
  bool(CLAP_ABI* select)(const clap_plugin_t*, clap_id);  ///< While not active.
};

/// Stereo, as what a plug-in has at first comes first, and mono; a configuration's id is its number of channels.
/// `Instance` is DPF's class of the plug-in.
template <class Instance>
PluginAudioPortsConfig audio_ports_config() noexcept {
  return {
      [](const clap_plugin_t*) -> std::uint32_t { return 2; },
      [](const clap_plugin_t*, std::uint32_t index, AudioPortsConfig* config) {
        if (index >= 2) return false;
        const std::uint32_t channels = 2 - index;
        const char* type = port_type_of(int(channels));
        *config = {channels, {}, 1, 1, true, channels, type, true, channels, type};
        std::snprintf(config->name, sizeof config->name, "%s", channels == 1 ? "Mono" : "Stereo");
        return true;
      },
      [](const clap_plugin_t* plugin, clap_id channels) {
        if (channels != 1 && channels != 2) return false;
        static_cast<Instance*>(plugin->plugin_data)->own().set_channels(int(channels));
        return true;
      },
  };
}

#endif

END_NAMESPACE_DISTRHO
