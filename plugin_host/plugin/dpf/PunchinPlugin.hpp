// The plug-in as DPF sees it: both Punchin and Punchin Chords.
#pragma once

#include <atomic>

#include "DistrhoPlugin.hpp"
#include "DistrhoPluginUtils.hpp"
#include "core/engine.hpp"
#include "link/link.hpp"

START_NAMESPACE_DISTRHO

class PunchinPlugin : public Plugin {
 public:
  enum Parameters : std::uint32_t { kTake, kOriginal, kParameters };

  PunchinPlugin();

  /// What the window works with.
  punchin::Engine& engine() { return engine_; }
  punchin::link::Link& link() { return link_; }

  /// While not active: 1 or 2, in and out.
  void set_channels(int channels) { channels_ = channels; }
  int channels() const { return channels_; }

 protected:
  const char* getLabel() const override { return DISTRHO_PLUGIN_NAME; }
  const char* getDescription() const override { return "Punches new takes into a track, in place."; }
  const char* getMaker() const override { return DISTRHO_PLUGIN_BRAND; }
  const char* getLicense() const override { return "Apache-2.0"; }
  std::uint32_t getVersion() const override { return d_version(0, 1, 0); }
  std::int64_t getUniqueId() const override { return d_cconst(PUNCHIN_UNIQUE_ID); }

  void initAudioPort(bool input, std::uint32_t index, AudioPort& port) override;
  void initParameter(std::uint32_t index, Parameter& parameter) override;
  void initState(std::uint32_t index, State& state) override;
  float getParameterValue(std::uint32_t index) const override;
  void setParameterValue(std::uint32_t index, float value) override;
  String getState(const char* key) const override;
  void setState(const char* key, const char* value) override;

  void activate() override;
  void sampleRateChanged(double rate) override;
#if DISTRHO_PLUGIN_WANT_MIDI_INPUT
  void run(const float** inputs, float** outputs, std::uint32_t frames, const MidiEvent* events,
           std::uint32_t count) override;
#else
  void run(const float** inputs, float** outputs, std::uint32_t frames) override;
#endif

 private:
  punchin::Transport transport() const;
  void tell_take() noexcept;

  int channels_ = punchin::kChannels;  ///< As the host wants it.
  std::atomic<int> told_{1};           ///< The take that the host's parameter stands at.
  punchin::Engine engine_;
  punchin::link::Link link_{engine_, DISTRHO_PLUGIN_WANT_MIDI_INPUT != 0, getBinaryFilename()};  // after the engine

  DISTRHO_DECLARE_NON_COPYABLE_WITH_LEAK_DETECTOR(PunchinPlugin)
};

END_NAMESPACE_DISTRHO
