// What the window shows, and what its mouse and keys do. Pure: draws nothing and knows no toolkit.
#pragma once

#include "controls.hpp"
#include "facts.hpp"
#include "words.hpp"

#include <optional>
#include <string>
#include <vector>

namespace punchin::view {

enum class Key { tab, left, right, up, down, home, end, page_up, page_down, enter, space, escape, erase, del };

struct Modifiers {
  bool shift = false, alt = false, control = false;
};

// Whatever returns a bool says whether the window has used it: what it has not is the host's, such as Space for play.
class Model {
 public:
  explicit Model(Actions& actions);

  // Whether anything that is seen has changed. The playhead moves by whole points.
  bool update(Facts facts);
  void resize(double width, double height);

  bool press(Point at, Modifiers held);
  bool move(Point at, Modifiers held);
  bool release(Point at);
  bool scroll(Point at, double lines, Modifiers held);
  bool key(Key key, Modifiers held);
  bool type(const std::string& character);
  void leave();  // the window has lost the keyboard

  const Facts& facts() const { return facts_; }
  const std::vector<Control>& controls() const { return controls_; }
  const Control* control(const std::string& id) const;
  // What has the focus, while keys are in use; else nothing.
  const Control* focused() const { return control(focus_); }
  bool shows_focus() const { return shows_focus_; }
  Places places() const { return view::places(facts_, width_, height()); }
  Span visible() const;
  // The selection as it is being dragged, or as it is.
  Span selection() const;
  // What to do next, or what the control under the pointer is for.
  std::string line() const;
  // The text that is being written, and where its caret stands, in bytes.
  const std::optional<std::string>& draft() const { return draft_; }
  size_t caret() const { return caret_; }

 private:
  struct Drag {
    int64_t anchor, now;
    bool is_free;
  };

  void rebuild();
  double height() const;
  const Control* at(Point point) const;
  void focus(const std::string& id);
  std::string written(const std::string& field) const;
  // What is written becomes what stands there; of a draft that nobody has touched only where it `is_accepted`.
  void commit(bool is_accepted = false);
  void activate(const Control& control);
  void set_fader(const Control& control, double x);
  int64_t sample(double x) const;
  void press_wave(Point at, Modifiers held);
  void begin_drag(Point at, Modifiers held);
  bool key_in_field(Key key);
  bool key_on(const Control& control, Key key, Modifiers held);
  bool key_on_wave(Key key, Modifiers held);
  void activate_region(size_t region);
  bool shortcut(char letter);
  void walk(int by);
  void walk_options(const Control& from, int by);
  void zoom(double factor, int64_t around);
  void pan(double share);
  void zoom_to_selection();

  Actions& actions_;
  Facts facts_;
  Page page_ = Page::inpaint;
  bool is_transfer_ = false;  // what *Punch in* asks for
  double width_ = kDefaultWidth, height_ = kDefaultHeight;
  std::vector<Control> controls_;
  std::string focus_ = "wave", armed_, hovered_;
  bool shows_focus_ = false;
  std::optional<Span> visible_;  // nothing: all that was heard
  std::optional<Drag> drag_;
  Point pressed_;  // where the button went down
  std::optional<std::string> draft_;
  std::string begun_;  // the draft as it was at first
  size_t caret_ = 0;
};

}  // namespace punchin::view
