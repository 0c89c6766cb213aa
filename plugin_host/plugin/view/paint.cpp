#include "paint.hpp"

#include <algorithm>
#include <cmath>
#include <cstdio>

#include "timeline.hpp"

namespace punchin::view {

namespace {

using DGL_NAMESPACE::Color;
using DGL_NAMESPACE::NanoVG;

const Color kDark(0x20, 0x24, 0x2c), kPit(0x17, 0x1a, 0x20), kBox(0x39, 0x40, 0x4d), kLit(0x5e, 0x81, 0xac);
const Color kInk(0xec, 0xef, 0xf4), kQuiet(0xa9, 0xb1, 0xc0), kDim(0x67, 0x6f, 0x7d), kSound(0x88, 0xc0, 0xd0);
const Color kWarm(0xeb, 0xcb, 0x8b), kAlarm(0xe0, 0x7a, 0x83);

constexpr float kText = 12.5f, kSmall = 10.5f, kTitle = 16, kRound = 4;
constexpr double kNumbersApart = 34;  // points between two bar numbers that can be read
constexpr double kNames = 20, kLeastName = 12;  // the height of chord names, and the width of one that is seen
constexpr double kUnsure = 0.8;                 // of a chord that was read by ear (takes/heard.py)
constexpr double kLinesApart = 6;     // between two bar lines that can be told apart

float f(double value) { return static_cast<float>(value); }

class Painter {
 public:
  Painter(NanoVG& canvas, const Model& model) : canvas_(canvas), model_(model) {}

  void all(const Desk& desk, double width, double height) {
    fill({0, 0, width, height}, kDark, 0);
    const Places at = model_.places();
    const Facts& facts = model_.facts();
    const std::string track = facts.text("track");
    const std::string name = facts.hears_notes ? "Punchin Chords" : "Punchin";
    text(name + (track.empty() ? "" : " · " + track), at.title, kInk, NanoVG::ALIGN_LEFT, kTitle);
    if (!is_empty(facts)) text(model_.line(), at.advice, kInk);
    take(facts.region(), at.take);
    progress(at.progress);
    if (facts.hears_notes) {
      const Box left{at.trouble.x, at.progress.y, at.trouble.width, at.progress.height};
      text("Followed as", {left.x, at.advice.y + at.advice.height + 8, 94, 22}, kQuiet);
      text(connection(facts), left, facts.has_bridge ? kQuiet : kWarm);
    }
    sentences(facts.trouble.empty() ? facts.remark : facts.trouble, at.trouble,
              facts.trouble.empty() ? kQuiet : kAlarm);
    for (const Control& each : model_.controls()) {
      if (each.shape == Shape::wave)
        wave(each, desk);
      else
        control(each);
      if (model_.shows_focus() && &each == model_.focused()) ring(each.box);
    }
  }

 private:
  // ---- what was heard --------------------------------------------------------------------------------------

  void wave(const Control& control, const Desk& desk) {
    const Box box = control.box;
    const Box body{box.x, box.y + kRuler, box.width, box.height - kRuler};
    fill(box, kPit, kRound);
    if (!control.is_enabled) {
      text(control.value, box, kQuiet, NanoVG::ALIGN_CENTER, kTitle);
      return;
    }
    canvas_.save();
    canvas_.scissor(f(box.x), f(box.y), f(box.width), f(box.height));
    const Scale scale{model_.visible(), box.x, box.width};
    const Facts& facts = model_.facts();
    for (const Span& heard : facts.heard) fill(part(scale, heard, body), kDark, 0);
    const Span selection = model_.selection();
    if (!selection.empty()) fill(part(scale, selection, body), kBox, 0);
    bars(scale, box);
    if (facts.hears_notes)
      notes(body, scale, desk);
    else
      sound(body, desk);
    chords(body, scale);
    for (size_t place = 0; place < facts.regions.size(); ++place) {
      const Box at = part(scale, facts.regions[place].span, body);
      fill({at.x, body.y - 4, at.width, 4}, place == facts.active && !facts.is_original ? kWarm : kDim, 0);
    }
    if (!selection.empty()) outline(part(scale, selection, body), kLit, 1.5);
    line(scale.x(facts.position), box.y, box.y + box.height, facts.is_playing ? kWarm : kQuiet);
    canvas_.restore();
  }

  void take(const Region& region, const Box& box) {
    if (region.chosen == 0) return;
    const Take& chosen = region.takes[size_t(region.chosen - 1)];
    const bool is_heard = chosen.problem.empty();
    text(is_heard ? chosen.name : chosen.problem, box, is_heard ? kQuiet : kAlarm, NanoVG::ALIGN_LEFT, kSmall);
  }

  static Box part(const Scale& scale, Span span, const Box& of) {
    const double left = scale.x(span.start);
    return {left, of.y, scale.x(span.end) - left, of.height};
  }

  void bars(const Scale& scale, const Box& box) {
    double last_line = -1e9, last_number = -1e9;
    for (const BarLine& each : model_.facts().bars) {
      const double x = scale.x(each.at);
      if (x < box.x - kNumbersApart || x > box.x + box.width) continue;
      if (x - last_line >= kLinesApart) {
        line(x, box.y + kRuler, box.y + box.height, kBox);
        last_line = x;
      }
      if (x - last_number >= kNumbersApart && &each != &model_.facts().bars.back()) {
        text(std::to_string(each.number), {x + 3, box.y, kNumbersApart, kRuler}, kQuiet, NanoVG::ALIGN_LEFT, kSmall);
        last_number = x;
      }
    }
  }

  void sound(const Box& body, const Desk& desk) {
    const double middle = body.y + body.height / 2, half = body.height / 2 - 6;
    const std::vector<Peak> peaks = desk.peaks(model_.visible(), size_t(body.width));
    canvas_.beginPath();
    for (size_t column = 0; column < peaks.size(); ++column) {
      if (!peaks[column].heard) continue;
      const double x = body.x + double(column) + 0.5;
      const double high = std::min(1.0, double(peaks[column].high)), low = std::max(-1.0, double(peaks[column].low));
      canvas_.moveTo(f(x), f(middle - half * high - 0.5));
      canvas_.lineTo(f(x), f(middle - half * low + 0.5));
    }
    canvas_.strokeColor(kSound);
    canvas_.strokeWidth(1);
    canvas_.stroke();
  }

  // Keys from the lowest to the highest that is seen, an octave and a half at least.
  void notes(const Box& body, const Scale& scale, const Desk& desk) {
    const std::vector<NoteBar> all = desk.notes(model_.visible());
    if (all.empty()) return;
    const auto is_lower = [](const NoteBar& one, const NoteBar& other) { return one.pitch < other.pitch; };
    const auto [lowest, highest] = std::minmax_element(all.begin(), all.end(), is_lower);
    const int keys = std::max(18, highest->pitch - lowest->pitch + 3), first = lowest->pitch - 1;
    const Box roll{body.x, body.y + kNames, body.width, body.height - kNames};
    const double high = roll.height / keys;
    for (const NoteBar& each : all) {
      const Box at = part(scale, each.span, roll);
      fill({at.x, roll.y + roll.height - high * (each.pitch - first + 1), std::max(2.0, at.width - 1), std::max(2.0, high - 1)},
           kSound, 1);
    }
  }

  // Their names, as far as there is room, and where they change.
  void chords(const Box& body, const Scale& scale) {
    double end = body.x;
    for (const Chord& each : model_.facts().chords) {
      const Box at = part(scale, each.span, body);
      if (at.x + at.width < body.x || at.x > body.x + body.width) continue;
      line(at.x, body.y, body.y + kNames, kDim);
      const double left = std::max(at.x + 4, end);
      if (at.x + at.width - left < kLeastName) continue;
      const std::string sure = each.sure < 1 ? " " + std::to_string(std::lround(each.sure * 100)) + " %" : "";
      text(each.name + sure, {left, body.y, at.x + at.width - left, kNames}, each.sure < kUnsure ? kQuiet : kWarm);
      end = at.x + at.width;
    }
  }

  // ---- controls --------------------------------------------------------------------------------------------

  void control(const Control& each) {
    const Color ink = each.is_enabled ? kInk : kDim;
    const bool is_titled = each.shape == Shape::fader || each.shape == Shape::choice || each.shape == Shape::field;
    if (is_titled)
      text(each.label, {each.box.x - 100, each.box.y, 94, each.box.height}, each.is_enabled ? kQuiet : kDim);
    switch (each.shape) {
      case Shape::button:
        fill(each.box, each.is_enabled && each.id == "punch" ? kLit : kBox, kRound);
        text(each.label, each.box, ink, NanoVG::ALIGN_CENTER);
        break;
      case Shape::toggle:
      case Shape::option:
        fill(each.box, each.is_lit ? kLit : kBox, kRound);
        text(each.value.empty() ? each.label : each.label + " ✕", each.box, each.value.empty() ? ink : kAlarm,
             NanoVG::ALIGN_CENTER);
        break;
      case Shape::fader:
        fill(each.box, kPit, kRound);
        if (each.is_enabled)
          fill({each.box.x, each.box.y, each.box.width * each.share, each.box.height}, each.is_lit ? kLit : kBox,
               kRound);
        text(each.value, inset(each.box), each.is_lit ? ink : kQuiet);
        break;
      case Shape::choice:
        fill(each.box, kBox, kRound);
        text(each.value, inset(each.box), each.is_lit ? ink : kQuiet);
        text("▾", inset(each.box), kQuiet, NanoVG::ALIGN_RIGHT);
        break;
      case Shape::field: field(each); break;
      case Shape::wave: break;
    }
  }

  void field(const Control& each) {
    const bool is_written = model_.draft() && model_.focused() == &each;
    const Box inner = inset(each.box);
    fill(each.box, kPit, kRound);
    outline(each.box, is_written ? kLit : kBox, 1);
    if (!is_written) {
      text(each.value, inner, !each.is_enabled ? kDim : each.is_lit ? kInk : kQuiet);
      return;
    }
    const std::string& draft = *model_.draft();
    const double caret = measured(draft.substr(0, model_.caret())), shift = std::max(0.0, caret - inner.width + 2);
    canvas_.save();
    canvas_.scissor(f(inner.x - 1), f(inner.y), f(inner.width + 2), f(inner.height));
    plain(draft, inner.x - shift, inner.y + inner.height / 2, kInk);
    line(inner.x + caret - shift, inner.y + 4, inner.y + inner.height - 4, kInk);
    canvas_.restore();
  }

  void progress(const Box& box) {
    if (!model_.facts().progress) return;
    const Progress& now = *model_.facts().progress;
    char done[48];
    std::snprintf(done, sizeof done, "%.0f s so far", std::floor(now.seconds));
    fill(box, kPit, kRound);
    fill({box.x, box.y, box.width * std::min(1.0, now.fraction), box.height}, kLit, kRound);
    text(now.line, {box.x + 8, box.y, box.width - 120, box.height}, kInk);
    text(done, {box.x + box.width - 112, box.y, 104, box.height}, kInk, NanoVG::ALIGN_RIGHT);
  }

  // ---- strokes ---------------------------------------------------------------------------------------------

  static Box inset(const Box& box) { return {box.x + 7, box.y, box.width - 14, box.height}; }

  void fill(const Box& box, const Color& color, float round) {
    if (box.width <= 0) return;
    canvas_.beginPath();
    canvas_.roundedRect(f(box.x), f(box.y), f(box.width), f(box.height), round);
    canvas_.fillColor(color);
    canvas_.fill();
  }

  void outline(const Box& box, const Color& color, double width) {
    canvas_.beginPath();
    canvas_.roundedRect(f(box.x), f(box.y), f(box.width), f(box.height), kRound);
    canvas_.strokeColor(color);
    canvas_.strokeWidth(f(width));
    canvas_.stroke();
  }

  void ring(const Box& box) { outline({box.x - 2, box.y - 2, box.width + 4, box.height + 4}, kWarm, 2); }

  void line(double x, double top, double bottom, const Color& color) {
    canvas_.beginPath();
    canvas_.moveTo(f(x), f(top));
    canvas_.lineTo(f(x), f(bottom));
    canvas_.strokeColor(color);
    canvas_.strokeWidth(1);
    canvas_.stroke();
  }

  double measured(const std::string& words) {
    DGL_NAMESPACE::Rectangle<float> bounds;
    return words.empty() ? 0 : canvas_.textBounds(0, 0, words.c_str(), nullptr, bounds);
  }

  void plain(const std::string& words, double x, double y, const Color& color) {
    canvas_.fontSize(kText);
    canvas_.textAlign(NanoVG::ALIGN_LEFT | NanoVG::ALIGN_MIDDLE);
    canvas_.fillColor(color);
    if (!words.empty()) canvas_.text(f(x), f(y), words.c_str(), nullptr);
  }

  // In as many lines as they need; what the box has no room for is cut off.
  void sentences(const std::string& words, const Box& box, const Color& color) {
    if (words.empty()) return;
    canvas_.save();
    canvas_.scissor(f(box.x), f(box.y), f(box.width), f(box.height));
    canvas_.fontSize(kSmall);
    canvas_.textAlign(NanoVG::ALIGN_LEFT | NanoVG::ALIGN_TOP);
    canvas_.fillColor(color);
    canvas_.textBox(f(box.x), f(box.y + 2), f(box.width), words.c_str());
    canvas_.restore();
  }

  // One line in a box, cut with an ellipsis where it is too long.
  void text(std::string words, const Box& box, const Color& color, NanoVG::Align align = NanoVG::ALIGN_LEFT,
            float size = kText) {
    if (words.empty()) return;
    canvas_.fontSize(size);
    canvas_.textAlign(align | NanoVG::ALIGN_MIDDLE);
    canvas_.fillColor(color);
    const bool is_cut = measured(words) > box.width;
    while (is_cut && !words.empty() && measured(words + "…") > box.width) {
      while (!words.empty() && (words.back() & 0xC0) == 0x80) words.pop_back();
      words.pop_back();
    }
    const double share = align == NanoVG::ALIGN_CENTER ? 0.5 : align == NanoVG::ALIGN_RIGHT ? 1 : 0;
    canvas_.text(f(box.x + box.width * share), f(box.y + box.height / 2 + 0.5), (words + (is_cut ? "…" : "")).c_str(),
                 nullptr);
  }

  NanoVG& canvas_;
  const Model& model_;
};

}  // namespace

void paint(NanoVG& canvas, const Model& model, const Desk& desk, double width, double height, double scale) {
  canvas.save();
  canvas.scale(f(scale), f(scale));
  canvas.fontFace(NANOVG_DEJAVU_SANS_TTF);
  Painter(canvas, model).all(desk, width, height);
  canvas.restore();
}

}  // namespace punchin::view
