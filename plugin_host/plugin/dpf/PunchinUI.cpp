// The window of both plug-ins as DPF sees it: hands the mouse and the keys to the model, and draws it when it has changed.
#include "DistrhoUI.hpp"

#include <memory>
#include <optional>
#include <string>

#include "PunchinPlugin.hpp"
#include "view/engine_desk.hpp"
#include "view/model.hpp"
#include "view/paint.hpp"

START_NAMESPACE_DISTRHO

namespace {

namespace view = punchin::view;

std::optional<view::Key> key_of(uint key) {
  switch (key) {
    case '\t': return view::Key::tab;
    case '\r':
    case '\n': return view::Key::enter;
    case ' ': return view::Key::space;
    case kKeyEscape: return view::Key::escape;
    case kKeyBackspace: return view::Key::erase;
    case kKeyDelete: return view::Key::del;
    case kKeyLeft: return view::Key::left;
    case kKeyRight: return view::Key::right;
    case kKeyUp: return view::Key::up;
    case kKeyDown: return view::Key::down;
    case kKeyHome: return view::Key::home;
    case kKeyEnd: return view::Key::end;
    case kKeyPageUp: return view::Key::page_up;
    case kKeyPageDown: return view::Key::page_down;
    default: return std::nullopt;
  }
}

view::Modifiers held(uint modifiers) {
  const uint command = kModifierControl | kModifierSuper;
  return {(modifiers & kModifierShift) != 0, (modifiers & kModifierAlt) != 0, (modifiers & command) != 0};
}

}  // namespace

class PunchinUI : public UI {
 public:
  PunchinUI() : desk_(plugin().engine(), plugin().link(), host()), model_(desk_) {
    const double scale = getScaleFactor();
    const double least = DISTRHO_PLUGIN_WANT_MIDI_INPUT ? view::kLeastHeightOfNotes : view::kLeastHeight;
    setGeometryConstraints(uint(view::kLeastWidth * scale), uint(least * scale));
    setSize(uint(DISTRHO_UI_DEFAULT_WIDTH * scale), uint(DISTRHO_UI_DEFAULT_HEIGHT * scale));
    model_.resize(DISTRHO_UI_DEFAULT_WIDTH, DISTRHO_UI_DEFAULT_HEIGHT);  // nobody tells of the size that it begins with
    loadSharedResources();  // the font
    model_.update(desk_.facts());
  }

 protected:
  void parameterChanged(uint32_t, float) override {}  // facts tell
  void stateChanged(const char*, const char*) override {}

  void uiIdle() override {
    desk_.idle();
    if (model_.update(desk_.facts())) repaint();
  }

  void onNanoDisplay() override {
    const double scale = getScaleFactor();
    view::paint(*this, model_, desk_, getWidth() / scale, getHeight() / scale, scale);
  }

  void onResize(const ResizeEvent& event) override {
    UI::onResize(event);
    const double scale = getScaleFactor();
    model_.resize(event.size.getWidth() / scale, event.size.getHeight() / scale);
  }

  void uiFocus(bool has_focus, CrossingMode) override {
    if (has_focus) return;
    model_.leave();
    seen(true);
  }

  bool onMouse(const MouseEvent& event) override {
    if (event.button != kMouseButtonLeft) return false;
    if (event.press) getWindow().focus();  // hosts do not give the keyboard to a window in theirs
    return seen(event.press ? model_.press(point(event.pos), held(event.mod)) : model_.release(point(event.pos)));
  }

  bool onMotion(const MotionEvent& event) override { return seen(model_.move(point(event.pos), held(event.mod))); }

  bool onScroll(const ScrollEvent& event) override {
    return seen(model_.scroll(point(event.pos), event.delta.getY(), held(event.mod)));
  }

  bool onKeyboard(const KeyboardEvent& event) override {
    const auto key = key_of(event.key);
    return event.press && key && seen(model_.key(*key, held(event.mod)));
  }

  bool onCharacterInput(const CharacterInputEvent& event) override {
    return !is_shortcut(event.mod) && seen(model_.type(text(event)));
  }

 private:
  PunchinPlugin& plugin() const { return *static_cast<PunchinPlugin*>(getPluginInstancePointer()); }

  view::HostParameters host() {
    return {[this](int take) { change(PunchinPlugin::kTake, float(take)); },
            [this](bool is_original) { change(PunchinPlugin::kOriginal, is_original ? 1.0F : 0.0F); }};
  }

  void change(std::uint32_t parameter, float value) {
    editParameter(parameter, true);
    setParameterValue(parameter, value);
    editParameter(parameter, false);
  }

  // What is used may have changed what is shown.
  bool seen(bool is_used) {
    if (is_used) {
      model_.update(desk_.facts());
      repaint();
    }
    return is_used;
  }

  view::Point point(const Point<double>& at) const {
    return {at.getX() / getScaleFactor(), at.getY() / getScaleFactor()};
  }

  // With Alt, and on Windows with Control and Alt, letters are written that a keyboard has no keys for.
  bool is_shortcut(uint held) const {
    const bool control = (held & kModifierControl) != 0, alt = (held & kModifierAlt) != 0;
    return (held & kModifierSuper) != 0 || (control && !alt) || (alt && !control && !model_.draft());
  }

  // Hosts of VST3 hand on the character alone, without its text.
  static std::string text(const CharacterInputEvent& event) {
    if (event.string[0] != '\0') return event.string;
    return event.character < 0x80 ? std::string(1, char(event.character)) : std::string();
  }

  view::EngineDesk desk_;
  view::Model model_;

  DISTRHO_DECLARE_NON_COPYABLE_WITH_LEAK_DETECTOR(PunchinUI)
};

UI* createUI() { return std::make_unique<PunchinUI>().release(); }

END_NAMESPACE_DISTRHO
