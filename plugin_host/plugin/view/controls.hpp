// The controls of the window, in the order in which Tab reaches them, each with its box. Pure.
#pragma once

#include "facts.hpp"
#include "parameters.hpp"

#include <string>
#include <vector>

namespace punchin::view {

struct Point {
  double x = 0, y = 0;
};

struct Box {
  double x = 0, y = 0, width = 0, height = 0;

  bool has(Point point) const { return point.x >= x && point.x < x + width && point.y >= y && point.y < y + height; }
};

constexpr double kDefaultWidth = 840, kDefaultHeight = 620;
constexpr double kLeastWidth = 700, kLeastHeight = 520, kLeastHeightOfNotes = 300;
constexpr double kRuler = 18;  // the height of the bar numbers, at the top of the waveform's box

enum class Shape { wave, button, toggle, option, fader, choice, field };

// One control. `id` is the same as long as it is there: `punch`, `take 2`, or a parameter's name.
struct Control {
  std::string id;
  Shape shape;
  std::string label, value;
  std::string hint;  // one sentence, shown while it has the focus or the pointer
  Box box;
  double share = 0;  // where a fader stands
  bool is_enabled = true;
  bool is_lit = false;  // an option that is chosen, a value that the musician has said or that stands anyway
  bool is_stop = true;  // whether Tab halts there: of options, only at the one that is chosen
};

// What the settings are those of: new takes, transfers, or the song and this track of it.
enum class Page { inpaint, transfer, song };

// Boxes of what is no control.
struct Places {
  Box title, wave, advice, take, progress, trouble;
};

Places places(const Facts& facts, double width, double height);

// `page` is of no matter where notes are heard: their window has one.
std::vector<Control> controls(const Facts& facts, Page page, bool is_transfer, double width, double height);

constexpr const char* kFeeds = "feeds ";  // how the id of an option begins that says what takes follow notes as
constexpr const char* kTake = "take ";  // how the id of a take begins; its number follows, 0 for the original

}  // namespace punchin::view
