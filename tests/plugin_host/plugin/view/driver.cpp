// The window's model by itself, driven by lines: facts as the plug-in tells them, the mouse and the keys; it prints
// what it asks for, and on `show` what it shows. For test_model.py.
#include <iostream>
#include <map>
#include <sstream>

#include "model.hpp"
#include "timeline.hpp"

using punchin::Span;
using namespace punchin::view;

namespace {

class Printed : public Actions {
 public:
  explicit Printed(Facts& facts) : facts_(facts) {}
  void select(Span at) override {
    facts_.selection = at;
    std::cout << "select " << at.start << " " << at.end << "\n";
  }
  void set(const std::string& name, const std::string& value) override {
    if (value.empty())
      facts_.settings.erase(name);
    else
      facts_.settings[name] = value;
    std::cout << "set " << name << " " << value << "\n";
  }
  void write(const std::string& field, const std::string& text) override {
    facts_.written[field] = text;
    std::cout << "write " << field << " " << text << "\n";
  }
  void punch_in(bool is_transfer) override { std::cout << "punch " << (is_transfer ? "transfer" : "inpaint") << "\n"; }
  void cancel() override { std::cout << "cancel\n"; }
  void choose(int take) override {
    facts_.regions[facts_.active].chosen = take;
    std::cout << "choose " << take << "\n";
  }
  void activate(size_t region) override {
    facts_.active = region;
    std::cout << "activate " << region << "\n";
  }
  void set_original(bool is_original) override {
    facts_.is_original = is_original;
    std::cout << "original " << is_original << "\n";
  }
  void keep() override { std::cout << "keep\n"; }
  void show_in_folder() override { std::cout << "show\n"; }
  void drag_out(int take) override { std::cout << "drag " << take << "\n"; }
  void open_page() override { std::cout << "page\n"; }

 private:
  Facts& facts_;
};

const std::map<std::string, Key> kKeys = {
    {"Tab", Key::tab},         {"Left", Key::left},      {"Right", Key::right},
    {"Up", Key::up},           {"Down", Key::down},      {"Home", Key::home},
    {"End", Key::end},         {"PageUp", Key::page_up}, {"PageDown", Key::page_down},
    {"Enter", Key::enter},     {"Space", Key::space},    {"Escape", Key::escape},
    {"Backspace", Key::erase}, {"Delete", Key::del},
};

const char* shape_of(const Control& control) {
  switch (control.shape) {
    case Shape::wave: return "wave";
    case Shape::button: return "button";
    case Shape::toggle: return "toggle";
    case Shape::option: return "option";
    case Shape::fader: return "fader";
    case Shape::choice: return "choice";
    case Shape::field: return "field";
  }
  return "";
}

std::string rest(std::istringstream& words) {
  std::string text;
  std::getline(words >> std::ws, text);
  return text;
}

Modifiers held(std::istringstream& words) {
  const std::string text = rest(words);
  const auto has = [&](const char* name) { return text.find(name) != std::string::npos; };
  return {has("shift"), has("alt"), has("control")};
}

void show(const Model& model, int changes) {
  for (const Control& each : model.controls())
    std::cout << "control\t" << each.id << "\t" << shape_of(each) << "\t" << each.label << "\t" << each.value << "\t"
              << each.box.x << " " << each.box.y << " " << each.box.width << " " << each.box.height << "\t"
              << each.share << "\t" << each.is_enabled << each.is_lit << each.is_stop << "\n";
  const Span selection = model.selection(), visible = model.visible();
  std::cout << "shown\tselection\t" << selection.start << " " << selection.end << "\n"
            << "shown\tvisible\t" << visible.start << " " << visible.end << "\n"
            << "shown\tfocus\t" << model.focused()->id << "\n"
            << "shown\tshows_focus\t" << model.shows_focus() << "\n"
            << "shown\tline\t" << model.line() << "\n"
            << "shown\tdraft\t" << model.draft().value_or("(none)") << "\n"
            << "shown\tbars";
  for (const BarLine& each : model.facts().bars) std::cout << "\t" << each.number << ":" << each.at;
  std::cout << "\nshown\tcaret\t" << model.caret() << "\n"
            << "shown\tchanges\t" << changes << "\n";
}

// A fact, from the words of its line.
bool learn(Facts& facts, const std::string& name, std::istringstream& words) {
  if (name == "rate")
    words >> facts.rate;
  else if (name == "song")
    facts.song = rest(words);
  else if (name == "can_drag")
    facts.can_drag = true;
  else if (name == "hears_notes")
    facts.hears_notes = true;
  else if (name == "has_notes")
    facts.has_notes = true;
  else if (name == "chord") {
    Chord chord;
    words >> chord.span.start >> chord.span.end >> chord.sure;
    chord.name = rest(words);
    facts.chords.push_back(chord);
  } else if (name == "track")
    facts.written["track"] = rest(words);
  else if (name == "position")
    words >> facts.position;
  else if (name == "remote")
    facts.remote = rest(words);
  else if (name == "trouble")
    facts.trouble = rest(words);
  else if (name == "heard") {
    facts.heard.clear();
    for (Span each; words >> each.start >> each.end;) facts.heard.push_back(each);
  } else if (name == "bars") {
    int number = 1;
    facts.bars.clear();
    words >> number;
    for (int64_t at; words >> at; ++number) facts.bars.push_back({at, number});
  } else if (name == "loop") {
    Span loop;
    words >> loop.start >> loop.end;
    facts.loop = loop;
  } else if (name == "progress") {
    Progress progress;
    words >> progress.fraction >> progress.seconds;
    progress.line = rest(words);
    facts.progress = progress;
  } else if (name == "said") {  // bpm, then sample, bar, beat, beats a bar and beat unit of each moment
    double bpm = 0;
    std::vector<punchin::Transport> moments;
    for (punchin::Transport now;
         words >> bpm >> now.sample >> now.bar >> now.beat >> now.beats_per_bar >> now.beat_unit;
         moments.push_back(now)) {
      now.metered = true;
      now.bpm = bpm;
    }
    facts.bars = bar_lines(moments, facts.rate, {facts.heard.front().start, facts.heard.back().end});
  } else if (name == "region") {
    Region region;
    words >> region.span.start >> region.span.end;
    facts.active = facts.regions.size();
    facts.regions.push_back(region);
  } else if (name == "take" || name == "missing") {
    facts.regions.back().takes.push_back({rest(words), name == "missing" ? "Its file is missing." : ""});
  } else {
    return false;
  }
  return true;
}

bool act(Model& model, const std::string& name, std::istringstream& words) {
  Point at;
  if (name == "key") {
    std::string key;
    words >> key;
    return model.key(kKeys.at(key), held(words));
  }
  if (name == "type") return model.type(rest(words));
  if (name == "space") return model.type(" ");
  double lines = 0;
  words >> at.x >> at.y;
  if (name == "scroll") words >> lines;
  if (name == "press") return model.press(at, held(words));
  if (name == "move") return model.move(at, held(words));
  if (name == "release") return model.release(at);
  if (name == "scroll") return model.scroll(at, lines, held(words));
  throw std::invalid_argument(name);
}

// What each place of each parameter's fader stands for, to be compared with Python's.
void show_faders() {
  for (const Parameter& each : parameters())
    for (int place = 0; each.is_fader() && place <= 20; ++place) {
      const std::string plain = each.plain(place / 20.0);
      std::cout << each.name << "\t" << place / 20.0 << "\t" << plain << "\t" << each.normalized(plain) << "\n";
    }
}

}  // namespace

int main(int count, char** words) {
  if (count > 1 && std::string(words[1]) == "faders") {
    show_faders();
    return 0;
  }
  Facts facts;
  Printed actions(facts);
  Model model(actions);
  int changes = 0;
  for (std::string line; std::getline(std::cin, line);) {
    std::istringstream words(line);
    std::string name;
    words >> name;
    double width = 0, height = 0;
    if (name == "show")
      show(model, changes);
    else if (name == "size" && words >> width >> height)
      model.resize(width, height);
    else if (name == "where")
      std::cout << "focus\t" << model.focused()->id << "\n";
    else if (name == "leave")
      model.leave();
    else if (name == "again" || learn(facts, name, words))
      changes += model.update(facts);
    else {
      if (!act(model, name, words)) std::cout << "unused " << line << "\n";
      model.update(facts);
    }
  }
}
