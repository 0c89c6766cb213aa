// What comes in goes out.
#include <algorithm>

#include "DistrhoPlugin.hpp"

START_NAMESPACE_DISTRHO

class Through : public Plugin {
 public:
  Through() : Plugin(0, 0, 0) {}

 protected:
  const char* getLabel() const override { return "Through"; }
  const char* getMaker() const override { return "Punchin"; }
  const char* getLicense() const override { return "Apache-2.0"; }
  uint32_t getVersion() const override { return d_version(0, 1, 0); }
  int64_t getUniqueId() const override { return d_cconst('T', 'h', 'r', 'u'); }
  void initParameter(uint32_t, Parameter&) override {}
  float getParameterValue(uint32_t) const override { return 0; }
  void setParameterValue(uint32_t, float) override {}
  void run(const float** inputs, float** outputs, uint32_t frames) override {
    for (int channel = 0; channel < 2; ++channel)
      if (outputs[channel] != inputs[channel]) std::copy_n(inputs[channel], frames, outputs[channel]);
  }

  DISTRHO_DECLARE_NON_COPYABLE_WITH_LEAK_DETECTOR(Through)
};

Plugin* createPlugin() { return new Through; }

END_NAMESPACE_DISTRHO
