// Tells a CLAP host where a parameter has gone by itself, which DPF does not. Called in place of DPF's own code: see
// cmake/Patch.cmake. (By VST3 it does: as a change that comes out of a block.)
#pragma once

#include <cstdint>

#include "DistrhoPlugin.hpp"

START_NAMESPACE_DISTRHO

#ifdef DISTRHO_PLUGIN_TARGET_CLAP

/// [audio] During a block. No hand moved it in the host: neither its automation nor its undo should have it.
inline bool tell_parameter(const clap_output_events_t* events, std::uint32_t index, float value) noexcept {
  const clap_event_param_value_t event{
      {sizeof event, 0, CLAP_CORE_EVENT_SPACE_ID, CLAP_EVENT_PARAM_VALUE, CLAP_EVENT_DONT_RECORD},
      index, nullptr, -1, -1, -1, -1, value};
  return events != nullptr && events->try_push(events, &event.header);
}

#endif

END_NAMESPACE_DISTRHO
