// Punchin's window as DPF sees it.
#include "DistrhoUI.hpp"
#include "PunchinPlugin.hpp"

START_NAMESPACE_DISTRHO

class PunchinUI : public UI {
 public:
  PunchinUI() : UI(DISTRHO_UI_DEFAULT_WIDTH, DISTRHO_UI_DEFAULT_HEIGHT) {}

 protected:
  void parameterChanged(std::uint32_t, float) override {}
  void stateChanged(const char*, const char*) override {}
  void onNanoDisplay() override {}

 private:
  PunchinPlugin& plugin() const { return *static_cast<PunchinPlugin*>(getPluginInstancePointer()); }

  DISTRHO_DECLARE_NON_COPYABLE_WITH_LEAK_DETECTOR(PunchinUI)
};

UI* createUI() { return std::make_unique<PunchinUI>().release(); }

END_NAMESPACE_DISTRHO
