#include "model.hpp"

#include <algorithm>
#include <cmath>
#include <utility>

#include "timeline.hpp"

namespace punchin::view {

namespace {

constexpr double GRIP = 6; // points on either side of a selection's edge that take hold of it
constexpr double ZOOM = 1.25; // a line of the wheel, a press of + or -
constexpr double MARGIN = 0.25; // of the selection's length, seen on either side when it is zoomed to

bool begins_character(char byte) { return (byte & 0xC0) != 0x80; } // in UTF-8

size_t before(const std::string& text, size_t caret) {
    while (caret > 0 && !begins_character(text[--caret])) {}
    return caret;
}

size_t after(const std::string& text, size_t caret) {
    while (caret < text.size() && (++caret == text.size() || !begins_character(text[caret]))) {}
    return std::min(caret, text.size());
}

bool is_take(const std::string& id) { return id.rfind(TAKE, 0) == 0; }

int take_of(const std::string& id) { return std::stoi(id.substr(std::string(TAKE).size())); }

// The options among which only one is chosen: takes, or engines.
bool are_alike(const Control& one, const Control& other) {
    return one.shape == Shape::option && other.shape == Shape::option && is_take(one.id) == is_take(other.id);
}

} // namespace

Model::Model(Actions& actions) : actions_(actions) { rebuild(); }

bool Model::update(Facts facts) {
    const double points = std::max(1.0, places().wave.width);
    const int64_t point = std::max<int64_t>(1, int64_t(double(visible().length()) / points));
    facts.position -= facts.position % point;
    if (facts == facts_)
        return false;
    facts_ = std::move(facts);
    rebuild();
    return true;
}

void Model::resize(double width, double height) {
    width_ = std::max(width, LEAST_WIDTH);
    height_ = std::max(height, LEAST_HEIGHT);
    rebuild();
}

void Model::rebuild() {
    Facts seen = facts_;
    seen.selection = selection();
    controls_ = view::controls(seen, engine_, width_, height_);
    if (!control(focus_))
        focus("wave");
}

const Control* Model::control(const std::string& id) const {
    for (const Control& each : controls_)
        if (each.id == id)
            return &each;
    return nullptr;
}

const Control* Model::at(Point point) const {
    for (const Control& each : controls_)
        if (each.box.has(point))
            return &each;
    return nullptr;
}

Span Model::visible() const { return visible_.value_or(whole(facts_)); }

Span Model::selection() const {
    if (!drag_)
        return facts_.selection;
    const Span limits = whole(facts_);
    const Span dragged{std::max(std::min(drag_->anchor, drag_->now), limits.start),
                       std::min(std::max(drag_->anchor, drag_->now), limits.end)};
    return drag_->is_free ? dragged : snapped(facts_.bars, dragged);
}

std::string Model::line() const {
    const Control* pointed = control(hovered_);
    if (!pointed && shows_focus_)
        pointed = focused();
    if (pointed && pointed->is_enabled && pointed->shape != Shape::wave && pointed->id != "punch")
        return pointed->hint;
    Facts seen = facts_;
    seen.selection = selection();
    return advice(seen, engine_).text;
}

// ---- the mouse -----------------------------------------------------------------------------------------------

bool Model::press(Point at, Modifiers held) {
    shows_focus_ = false;
    const Control* found = this->at(at);
    if (!found || !found->is_enabled) {
        commit();
        return true;
    }
    const Control pressed = *found; // a commit makes the list anew
    focus(pressed.id);
    if (pressed.shape == Shape::wave)
        begin_drag(at, held);
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
    if (found && found->id == armed && found->is_enabled)
        activate(Control(*found));
    return true;
}

bool Model::scroll(Point at, double lines, Modifiers held) {
    const Control* found = this->at(at);
    if (!found || !found->is_enabled || lines == 0)
        return false;
    if (found->shape == Shape::fader || found->shape == Shape::choice) {
        const Parameter& each = parameter(found->id);
        actions_.set(found->id, each.moved(value_of(each, facts_), lines > 0 ? 1 : -1));
        return true;
    }
    if (found->shape != Shape::wave)
        return false;
    if (held.shift) {
        const Span limits = whole(facts_), seen = visible();
        const int64_t wanted = seen.start - int64_t(lines * 0.1 * double(seen.length()));
        const int64_t start = std::min(std::max(wanted, limits.start), limits.end - seen.length());
        visible_ = Span{start, start + seen.length()};
    } else {
        zoom(std::pow(ZOOM, -lines), sample(at.x));
    }
    return true;
}

int64_t Model::sample(double x) const {
    const Box wave = places().wave;
    return Scale{visible(), wave.x, wave.width}.sample(x);
}

void Model::begin_drag(Point at, Modifiers held) {
    const int64_t here = sample(at.x);
    const Box wave = places().wave;
    const Scale scale{visible(), wave.x, wave.width};
    const Span now = facts_.selection;
    int64_t anchor = here;
    if (!now.is_empty()) {
        const bool is_at_start = std::abs(scale.x(now.start) - at.x) <= GRIP;
        const bool is_at_end = std::abs(scale.x(now.end) - at.x) <= GRIP;
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
    } else if (control.shape == Shape::option) {
        engine_ = control.id == "transfer" ? Engine::transfer : Engine::inpaint;
        rebuild();
    } else if (control.id == "all") {
        actions_.select(whole(facts_));
    } else if (control.id == "loop" && facts_.loop) {
        actions_.select(*facts_.loop);
    } else if (control.id == "punch") {
        actions_.punch_in(engine_ == Engine::transfer);
    } else if (control.id == "cancel") {
        actions_.cancel();
    } else if (control.id == "keep") {
        actions_.keep();
    } else if (control.id == "folder") {
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
    if (draft_ && key_in_field(key))
        return true;
    if (key == Key::tab) {
        shows_focus_ = true;
        walk(held.shift ? -1 : 1);
        return true;
    }
    const Control* here = focused();
    if (!here || !here->is_enabled)
        return false;
    const bool is_used = key_on(Control(*here), key, held);
    shows_focus_ = shows_focus_ || is_used;
    return is_used;
}

bool Model::key_on(const Control& control, Key key, Modifiers held) {
    const bool is_back = key == Key::left || key == Key::down, is_on = key == Key::right || key == Key::up;
    switch (control.shape) {
    case Shape::wave:
        return key_on_wave(key, held);
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
        if (key != Key::enter && key != Key::space)
            return false;
        activate(control);
        return true;
    case Shape::field:
        return false;
    }
    return false;
}

bool Model::key_on_wave(Key key, Modifiers held) {
    if (key == Key::left || key == Key::right)
        actions_.select(stepped(facts_, facts_.selection, key == Key::right ? 1 : -1, held.shift));
    else if (key == Key::up || key == Key::down)
        zoom(key == Key::up ? 1 / ZOOM : ZOOM, facts_.selection.is_empty() ? visible().start : facts_.selection.start);
    else if (key == Key::home || key == Key::end)
        visible_.reset();
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
        commit();
        focus("wave");
        break;
    default: return key == Key::space; // which is typed
    }
    return true;
}

bool Model::type(const std::string& character) {
    if (character.empty() || static_cast<unsigned char>(character[0]) < ' ' || character[0] == 0x7F)
        return false;
    if (!draft_)
        return shortcut(character[0]);
    const bool is_number = focus_ != "chords" && parameter(focus_).kind != Kind::text;
    const size_t most = focus_ == "chords" || is_number ? 500 : size_t(parameter(focus_).length);
    const bool is_refused = is_number && (character[0] < '0' || character[0] > '9');
    if (is_refused || draft_->size() + character.size() > most)
        return true;
    draft_->insert(caret_, character);
    caret_ += character.size();
    return true;
}

bool Model::shortcut(char letter) {
    if (letter >= '0' && letter <= '9' && letter - '0' <= int(facts_.takes.size()))
        actions_.choose(letter - '0');
    else if (const Control* punch = control("punch"); letter == 'p' && punch->is_enabled)
        activate(*punch);
    else if (letter == 'z')
        zoom_to_selection();
    else if (letter == '+' || letter == '-')
        zoom(letter == '+' ? 1 / ZOOM : ZOOM, facts_.selection.is_empty() ? visible().start : facts_.selection.start);
    else
        return false;
    return true;
}

void Model::leave() { commit(); }

void Model::walk(int by) {
    std::vector<std::string> stops;
    for (const Control& each : controls_)
        if (each.is_enabled && each.is_stop)
            stops.push_back(each.id);
    if (stops.empty())
        return;
    const auto here = std::find(stops.begin(), stops.end(), focus_);
    const int count = int(stops.size());
    const int next = here == stops.end() ? (by > 0 ? 0 : count - 1) : int(here - stops.begin()) + by;
    focus(stops[size_t((next + count) % count)]);
}

void Model::walk_options(const Control& from, int by) {
    std::vector<Control> alike;
    for (const Control& each : controls_)
        if (are_alike(from, each) && each.is_enabled)
            alike.push_back(each);
    for (size_t place = 0; place < alike.size(); ++place)
        if (const size_t next = place + size_t(by); alike[place].id == from.id && next < alike.size()) {
            const Control chosen = alike[next];
            activate(chosen);
            focus(chosen.id);
            return;
        }
}

void Model::focus(const std::string& id) {
    if (id != focus_)
        commit();
    focus_ = id;
    const Control* here = control(id);
    if (!here || here->shape != Shape::field || draft_)
        return;
    draft_ = written(id);
    caret_ = draft_->size();
}

std::string Model::written(const std::string& field) const {
    const auto said = facts_.settings.find(field);
    if (field == "chords")
        return facts_.chords;
    return said == facts_.settings.end() ? "" : said->second;
}

void Model::commit() {
    if (!draft_)
        return;
    const std::string text = *draft_;
    draft_.reset();
    if (text == written(focus_))
        return; // a field that Tab only passed through
    if (focus_ == "chords")
        actions_.set_chords(text);
    else
        actions_.set(focus_, text);
}

// ---- what is seen of the song --------------------------------------------------------------------------------

void Model::zoom(double factor, int64_t around) {
    const Span limits = whole(facts_);
    if (limits.is_empty())
        return;
    visible_ = zoomed(visible(), factor, around, limits, facts_.rate);
    if (*visible_ == limits)
        visible_.reset(); // goes on to grow with what is heard
}

void Model::zoom_to_selection() {
    const Span chosen = facts_.selection;
    if (visible_ || chosen.is_empty()) {
        visible_.reset();
        return;
    }
    const Span limits = whole(facts_);
    const int64_t margin = int64_t(MARGIN * double(chosen.length()));
    visible_ = Span{std::max(limits.start, chosen.start - margin), std::min(limits.end, chosen.end + margin)};
}

} // namespace punchin::view
