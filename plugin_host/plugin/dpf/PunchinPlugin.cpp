#include "PunchinPlugin.hpp"

#include <cmath>
#include <cstring>

START_NAMESPACE_DISTRHO

namespace {

constexpr const char* kStateKey = "punchin";

}  // namespace

PunchinPlugin::PunchinPlugin() : Plugin(kParameters, 0, 1) { engine_.prepare(getSampleRate(), channels_); }

void PunchinPlugin::initAudioPort(bool input, std::uint32_t index, AudioPort& port) {
  port.groupId = kPortGroupStereo;
  Plugin::initAudioPort(input, index, port);
}

void PunchinPlugin::initParameter(std::uint32_t index, Parameter& parameter) {
  if (index == kOriginal) {
    parameter.initDesignation(kParameterDesignationBypass);
    parameter.name = "Original";
    parameter.symbol = "original";
    return;
  }
  parameter.hints = kParameterIsAutomatable | kParameterIsInteger;
  parameter.name = "Take";
  parameter.symbol = "take";
  parameter.description = "The take that is heard in the bars last punched; 0 is the original.";
  parameter.ranges.min = 0.0F;
  parameter.ranges.max = static_cast<float>(punchin::kMostTakes);
  parameter.ranges.def = 1.0F;
}

void PunchinPlugin::initState(std::uint32_t, State& state) {
  state.key = kStateKey;
  state.label = "Selection, takes and settings";
  state.hints = kStateIsOnlyForDSP;
  state.defaultValue = "";
}

float PunchinPlugin::getParameterValue(std::uint32_t index) const {
  if (index == kOriginal) return engine_.original() ? 1.0F : 0.0F;
  return static_cast<float>(engine_.choice());
}

void PunchinPlugin::setParameterValue(std::uint32_t index, float value) {
  if (index == kOriginal) {
    engine_.set_original(value > 0.5F);
  } else {
    const int take = static_cast<int>(std::lround(value));
    told_ = take;
    engine_.choose(take);
  }
}

String PunchinPlugin::getState(const char*) const { return String(engine_.save().c_str()); }

void PunchinPlugin::setState(const char* key, const char* value) {
  if (std::strcmp(key, kStateKey) != 0 || *value == '\0') return;  // "": what a host sends of a new plug-in
  try {
    engine_.load(value);
  } catch (const punchin::Error& error) {
    d_stderr2("Punchin: %s", error.what());
  }
}

// Only now: hosts try what channels there could be, and what was heard would be gone.
void PunchinPlugin::activate() {
  engine_.prepare(getSampleRate(), channels_);
  link_.start();
}

void PunchinPlugin::sampleRateChanged(double rate) { engine_.prepare(rate, channels_); }

punchin::Transport PunchinPlugin::transport() const {
  const TimePosition& told = getTimePosition();
  punchin::Transport transport;
  transport.rolling = told.playing;
  transport.sample = static_cast<punchin::Sample>(told.frame);  // DPF's is unsigned: a pre-roll's wraps, and back here
  transport.metered = told.bbt.valid;
  transport.bpm = told.bbt.beatsPerMinute;
  if (!told.bbt.valid) return transport;
  transport.bar = told.bbt.bar;
  transport.beat = told.bbt.beat - 1 + told.bbt.tick / told.bbt.ticksPerBeat;
  transport.beats_per_bar = told.bbt.beatsPerBar;
  transport.beat_unit = told.bbt.beatType;
  return transport;
}

/// [audio] Takes come, and are chosen on the page or by a control surface, without the host.
void PunchinPlugin::tell_take() noexcept {
  const int take = engine_.choice();
  if (take != told_ && requestParameterValueChange(kTake, static_cast<float>(take))) told_ = take;
}

#if DISTRHO_PLUGIN_WANT_MIDI_INPUT

void PunchinPlugin::run(const float** inputs, float** outputs, std::uint32_t frames, const MidiEvent* events,
                        std::uint32_t count) {
  for (std::uint32_t i = 0; i < count; ++i) {
    const MidiEvent& event = events[i];
    if (event.size <= MidiEvent::kDataSize) engine_.midi(event.frame, event.data, event.size);
    writeMidiEvent(event);
  }
  engine_.process(inputs, outputs, channels_, frames, transport());
  tell_take();
}

#else

void PunchinPlugin::run(const float** inputs, float** outputs, std::uint32_t frames) {
  engine_.process(inputs, outputs, channels_, frames, transport());
  tell_take();
}

#endif

Plugin* createPlugin() { return std::make_unique<PunchinPlugin>().release(); }

END_NAMESPACE_DISTRHO
