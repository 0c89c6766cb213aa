// What the window works on: the plug-in, as far as the window goes.
#pragma once

#include "../core/ring.hpp"
#include "facts.hpp"

namespace punchin::view {

// A key that was down.
struct NoteBar {
  Span span;
  int pitch;
};

// [window's thread] all of it. The window asks for the facts some thirty times a second, so nothing here waits long.
class Desk : public Actions {
 public:
  virtual Facts facts() = 0;
  // What was heard, from left to right.
  virtual std::vector<Peak> peaks(Span span, std::size_t columns) const = 0;
  virtual std::vector<NoteBar> notes(Span span) const = 0;
};

}  // namespace punchin::view
