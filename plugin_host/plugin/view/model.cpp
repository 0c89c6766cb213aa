#include "model.hpp"

#include <algorithm>
#include <cmath>
#include <utility>

#include "timeline.hpp"

namespace punchin::view {

namespace {

constexpr size_t kLongest = 500;  // of a text, in bytes
constexpr double kGrip = 6;       // points on either side of a selection's edge that take hold of it, and by which a take is dragged
constexpr double kZoom = 1.25;    // a line of the wheel, a press of + or -
constexpr double kStep = 0.1;     // of what is seen, by which it moves along
constexpr double kMargin = 0.25;  // of the selection's length, seen on either side when it is zoomed to

bool begins_character(char byte) { return (byte & 0xC0) != 0x80; }  // in UTF-8

size_t before(const std::string& text, size_t caret) {
  while (caret > 0 && !begins_character(text[--caret])) {
  }
  return caret;
}

size_t after(const std::string& text, size_t caret) {
  while (caret < text.size() && (++caret == text.size() || !begins_character(text[caret]))) {
  }
  return std::min(caret, text.size());
}

bool is_take(const std::string& id) { return id.rfind(kTake, 0) == 0; }

bool is_feed(const std::string& id) { return id.rfind(kFeeds, 0) == 0; }

int take_of(const std::string& id) { return std::stoi(id.substr(std::string(kTake).size())); }

// The options among which only one is chosen: takes, what notes are followed as, or engines.
bool are_alike(const Control& one, const Control& other) {
  return one.shape == Shape::option && other.shape == Shape::option && is_take(one.id) == is_take(other.id) &&
         is_feed(one.id) == is_feed(other.id);
}

}  // namespace

Model::Model(Actions& actions) : actions_(actions) { rebuild(); }

bool Model::update(Facts facts) {
  const double points = std::max(1.0, places().wave.width);
  const int64_t point = std::max<int64_t>(1, int64_t(double(visible().length()) / points));
  facts.position -= facts.position % point;
  if (facts == facts_) return false;
  facts_ = std::move(facts);
  rebuild();
  return true;
}

void Model::resize(double width, double height) {
  width_ = std::max(width, kLeastWidth);
  height_ = height;
  rebuild();
}

double Model::height() const { return std::max(height_, facts_.hears_notes ? kLeastHeightOfNotes : kLeastHeight); }

void Model::rebuild() {
  Facts seen = facts_;
  seen.selection = selection();
  controls_ = view::controls(seen, page_, is_transfer_, width_, height());
  if (!control(focus_)) focus("wave");
}

const Control* Model::control(const std::string& id) const {
  for (const Control& each : controls_)
    if (each.id == id) return &each;
  return nullptr;
}

const Control* Model::at(Point point) const {
  for (const Control& each : controls_)
    if (each.box.has(point)) return &each;
  return nullptr;
}

Span Model::visible() const { return visible_.value_or(whole(facts_)); }

Span Model::selection() const {
  if (!drag_) return facts_.selection;
  const Span limits = whole(facts_);
  const Span dragged{std::max(std::min(drag_->anchor, drag_->now), limits.start),
                     std::min(std::max(drag_->anchor, drag_->now), limits.end)};
  return drag_->is_free ? dragged : snapped(facts_.bars, dragged);
}

std::string Model::line() const {
  const Control* pointed = control(hovered_);
  if (!pointed && shows_focus_) pointed = focused();
  if (pointed && pointed->is_enabled && pointed->shape != Shape::wave && pointed->id != "punch") return pointed->hint;
  Facts seen = facts_;
  seen.selection = selection();
  return advice(seen, is_transfer_).text;
}

// ---- the mouse -----------------------------------------------------------------------------------------------

bool Model::press(Point at, Modifiers held) {
  shows_focus_ = false;
  const Control* found = this->at(at);
  if (!found || !found->is_enabled) {
    commit();
    return true;
  }
  pressed_ = at;
  const Control pressed = *found;  // a commit makes the list anew
  focus(pressed.id);
  if (pressed.shape == Shape::wave)
    press_wave(at, held);
  else if (pressed.shape == Shape::fader)
    set_fader(pressed, at.x);
  armed_ = pressed.id;
  return true;
}

bool Model::move(Point at, Modifiers held) {
  if (drag_) {
    drag_->now = sample(at.x);
    drag_->is_free = held.alt || held.control;
    rebuild();
    return true;
  }
  if (const Control* armed = control(armed_); armed && armed->shape == Shape::fader) {
    set_fader(*armed, at.x);
    return true;
  }
  const bool is_away = std::hypot(at.x - pressed_.x, at.y - pressed_.y) > kGrip;
  if (facts_.can_drag && is_away && armed_ != kTake + std::string("0") && is_take(armed_)) {
    actions_.drag_out(take_of(std::exchange(armed_, "")));
    return true;
  }
  const Control* found = this->at(at);
  return std::exchange(hovered_, found ? found->id : "") != hovered_;
}

bool Model::release(Point at) {
  const std::string armed = std::exchange(armed_, "");
  if (drag_) {
    const Span chosen = selection();
    drag_.reset();
    actions_.select(chosen);
    rebuild();
    return true;
  }
  const Control* found = this->at(at);
  if (found && found->id == armed && found->is_enabled) activate(Control(*found));
  return true;
}

bool Model::scroll(Point at, double lines, Modifiers held) {
  const Control* found = this->at(at);
  if (!found || !found->is_enabled || lines == 0) return false;
  if (found->shape == Shape::fader || found->shape == Shape::choice) {
    const Parameter& each = parameter(found->id);
    actions_.set(found->id, each.moved(value_of(each, facts_), lines > 0 ? 1 : -1));
    return true;
  }
  if (found->shape != Shape::wave) return false;
  if (held.shift)
    pan(-lines * kStep);
  else
    zoom(std::pow(kZoom, -lines), sample(at.x));
  return true;
}

int64_t Model::sample(double x) const {
  const Box wave = places().wave;
  return Scale{visible(), wave.x, wave.width}.sample(x);
}

// A place that was punched into, with its takes: to hear another, or to punch into it once more.
void Model::activate_region(size_t region) {
  actions_.activate(region);
  actions_.select(facts_.regions[region].span);
}

void Model::press_wave(Point at, Modifiers held) {
  if (facts_.hears_notes) return;  // nothing is made of a selection there
  const int64_t here = sample(at.x);
  if (at.y < places().wave.y + kRuler)
    for (size_t region = facts_.regions.size(); region-- > 0;)  // the later one lies on top
      if (facts_.regions[region].span.contains(here)) return activate_region(region);
  begin_drag(at, held);
}

void Model::begin_drag(Point at, Modifiers held) {
  const int64_t here = sample(at.x);
  const Box wave = places().wave;
  const Scale scale{visible(), wave.x, wave.width};
  const Span now = facts_.selection;
  int64_t anchor = here;
  if (!now.empty()) {
    const bool is_at_start = std::abs(scale.x(now.start) - at.x) <= kGrip;
    const bool is_at_end = std::abs(scale.x(now.end) - at.x) <= kGrip;
    if (is_at_start || (held.shift && here < now.start))
      anchor = now.end;
    else if (is_at_end || held.shift)
      anchor = now.start;
  }
  drag_ = Drag{anchor, here, held.alt || held.control};
  rebuild();
}

void Model::set_fader(const Control& control, double x) {
  const Parameter& each = parameter(control.id);
  actions_.set(control.id, each.plain((x - control.box.x) / control.box.width));
}

void Model::activate(const Control& control) {
  if (control.shape == Shape::choice) {
    const Parameter& each = parameter(control.id);
    const std::string now = value_of(each, facts_), next = each.moved(now, 1);
    actions_.set(control.id, next == now ? each.plain(0) : next);
  } else if (is_take(control.id)) {
    actions_.choose(take_of(control.id));
  } else if (is_feed(control.id)) {
    actions_.write("feeds", control.id.substr(std::string(kFeeds).size()));
  } else if (control.shape == Shape::toggle) {
    actions_.set_original(!facts_.is_original);
  } else if (control.shape == Shape::option) {
    page_ = control.id == "transfer" ? Page::transfer : control.id == "song" ? Page::song : Page::inpaint;
    if (page_ != Page::song) is_transfer_ = page_ == Page::transfer;
    rebuild();
  } else if (control.id == "all") {
    actions_.select(whole(facts_));
  } else if (control.id == "loop" && facts_.loop) {
    actions_.select(*facts_.loop);
  } else if (control.id == "punch") {
    actions_.punch_in(is_transfer_);
  } else if (control.id == "cancel") {
    actions_.cancel();
  } else if (control.id == "keep") {
    actions_.keep();
  } else if (control.id == "show") {
    actions_.show_in_folder();
  } else if (control.id == "page") {
    actions_.open_page();
  }
}

// ---- the keyboard --------------------------------------------------------------------------------------------

bool Model::key(Key key, Modifiers held) {
  if (key == Key::escape && drag_) {
    drag_.reset();
    rebuild();
    return true;
  }
  if (draft_ && key_in_field(key)) return true;
  if (key == Key::tab) {
    shows_focus_ = true;
    walk(held.shift ? -1 : 1);
    return true;
  }
  const Control* here = focused();
  if (!here || !here->is_enabled) return false;
  const bool is_used = key_on(Control(*here), key, held);
  shows_focus_ = shows_focus_ || is_used;
  return is_used;
}

bool Model::key_on(const Control& control, Key key, Modifiers held) {
  const bool is_back = key == Key::left || key == Key::down, is_on = key == Key::right || key == Key::up;
  switch (control.shape) {
    case Shape::wave: return key_on_wave(key, held);
    case Shape::fader:
    case Shape::choice: {
      const Parameter& each = parameter(control.id);
      if (is_back || is_on)
        actions_.set(control.id, each.moved(value_of(each, facts_), is_on ? 1 : -1));
      else if (key == Key::home || key == Key::end)
        actions_.set(control.id, each.plain(key == Key::end));
      else if (key == Key::erase || key == Key::del)
        actions_.set(control.id, "");
      else if (control.shape == Shape::choice && (key == Key::enter || key == Key::space))
        activate(control);
      else
        return false;
      return true;
    }
    case Shape::option:
      if (key == Key::left || key == Key::up || is_on || key == Key::down) {
        walk_options(control, key == Key::left || key == Key::up ? -1 : 1);
        return true;
      }
      [[fallthrough]];
    case Shape::button:
    case Shape::toggle:
      if (key != Key::enter && key != Key::space) return false;
      activate(control);
      return true;
    case Shape::field: return false;
  }
  return false;
}

bool Model::key_on_wave(Key key, Modifiers held) {
  const bool is_along = key == Key::left || key == Key::right;
  if (is_along && facts_.hears_notes)
    pan(key == Key::right ? kStep : -kStep);
  else if (is_along)
    actions_.select(stepped(facts_, facts_.selection, key == Key::right ? 1 : -1, held.shift));
  else if (key == Key::up || key == Key::down)
    zoom(key == Key::up ? 1 / kZoom : kZoom, facts_.selection.empty() ? visible().start : facts_.selection.start);
  else if (key == Key::home || key == Key::end)
    visible_.reset();
  else if (key == Key::page_down && facts_.active + 1 < facts_.regions.size())
    activate_region(facts_.active + 1);
  else if (key == Key::page_up && facts_.active > 0 && !facts_.regions.empty())
    activate_region(facts_.active - 1);
  else
    return false;
  return true;
}

bool Model::key_in_field(Key key) {
  switch (key) {
    case Key::left: caret_ = before(*draft_, caret_); break;
    case Key::right: caret_ = after(*draft_, caret_); break;
    case Key::home: caret_ = 0; break;
    case Key::end: caret_ = draft_->size(); break;
    case Key::erase: {
      const size_t start = before(*draft_, caret_);
      draft_->erase(start, caret_ - start);
      caret_ = start;
      break;
    }
    case Key::del: draft_->erase(caret_, after(*draft_, caret_) - caret_); break;
    case Key::escape:
      draft_.reset();
      focus("wave");
      break;
    case Key::enter:
      commit(true);
      focus("wave");
      break;
    default: return key == Key::space;  // which is typed
  }
  return true;
}

bool Model::type(const std::string& character) {
  if (character.empty() || static_cast<unsigned char>(character[0]) < ' ' || character[0] == 0x7F) return false;
  if (!draft_) return shortcut(character[0]);
  const Parameter* of = find_parameter(focus_);
  const bool is_number = of && of->kind != Kind::text;
  const size_t most = of && !is_number ? size_t(of->length) : kLongest;
  const bool is_refused = is_number && (character[0] < '0' || character[0] > '9');
  if (is_refused || draft_->size() + character.size() > most) return true;
  draft_->insert(caret_, character);
  caret_ += character.size();
  return true;
}

bool Model::shortcut(char letter) {
  if (control(kTake + std::string(1, letter)))
    actions_.choose(letter - '0');
  else if (const Control* punch = control("punch"); letter == 'p' && punch && punch->is_enabled)
    activate(*punch);
  else if (letter == 'z')
    zoom_to_selection();
  else if (letter == '+' || letter == '-')
    zoom(letter == '+' ? 1 / kZoom : kZoom, facts_.selection.empty() ? visible().start : facts_.selection.start);
  else
    return false;
  return true;
}

void Model::leave() { commit(); }

void Model::walk(int by) {
  std::vector<std::string> stops;
  for (const Control& each : controls_)
    if (each.is_enabled && each.is_stop) stops.push_back(each.id);
  if (stops.empty()) return;
  const auto here = std::find(stops.begin(), stops.end(), focus_);
  const int count = int(stops.size());
  const int next = here == stops.end() ? (by > 0 ? 0 : count - 1) : int(here - stops.begin()) + by;
  focus(stops[size_t((next + count) % count)]);
}

void Model::walk_options(const Control& from, int by) {
  std::vector<Control> alike;
  for (const Control& each : controls_)
    if (are_alike(from, each) && each.is_enabled) alike.push_back(each);
  for (size_t place = 0; place < alike.size(); ++place)
    if (const size_t next = place + size_t(by); alike[place].id == from.id && next < alike.size()) {
      const Control chosen = alike[next];
      activate(chosen);
      focus(chosen.id);
      return;
    }
}

void Model::focus(const std::string& id) {
  if (id != focus_) commit();
  focus_ = id;
  const Control* here = control(id);
  if (!here || here->shape != Shape::field || draft_) return;
  draft_ = written(id);
  if (id == "chords" && draft_->empty()) draft_ = chord_line(facts_);  // what was heard, to be corrected
  begun_ = *draft_;
  caret_ = draft_->size();
}

std::string Model::written(const std::string& field) const {
  const auto said = facts_.settings.find(field);
  return said == facts_.settings.end() ? facts_.text(field) : said->second;
}

void Model::commit(bool is_accepted) {
  if (!draft_) return;
  const std::string text = *draft_;
  draft_.reset();
  if (text == written(focus_) || (text == begun_ && !is_accepted)) return;  // a field that Tab only passed through
  if (find_parameter(focus_))
    actions_.set(focus_, text);
  else
    actions_.write(focus_, text);
}

// ---- what is seen of the song --------------------------------------------------------------------------------

void Model::zoom(double factor, int64_t around) {
  const Span limits = whole(facts_);
  if (limits.empty()) return;
  visible_ = zoomed(visible(), factor, around, limits, facts_.rate);
  if (*visible_ == limits) visible_.reset();  // goes on to grow with what is heard
}

void Model::pan(double share) {
  const Span limits = whole(facts_), seen = visible();
  const int64_t wanted = seen.start + int64_t(share * double(seen.length()));
  const int64_t start = std::min(std::max(wanted, limits.start), limits.end - seen.length());
  visible_ = Span{start, start + seen.length()};
}

void Model::zoom_to_selection() {
  const Span chosen = facts_.selection;
  if (visible_ || chosen.empty()) {
    visible_.reset();
    return;
  }
  const Span limits = whole(facts_);
  const int64_t margin = int64_t(kMargin * double(chosen.length()));
  visible_ = Span{std::max(limits.start, chosen.start - margin), std::min(limits.end, chosen.end + margin)};
}

}  // namespace punchin::view
