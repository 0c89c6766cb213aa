#include "controls.hpp"

#include <algorithm>

#include "timeline.hpp"
#include "words.hpp"

namespace punchin::view {

namespace {

constexpr double kEdge = 12, kGap = 8, kRow = 26, kHigh = 22;  // a row of controls, and a control in it
constexpr double kHead = 30, kAdvice = 30, kFoot = 30, kTrouble = 30;
constexpr double kTakes = 270;                                                     // the width of the right column
constexpr double kLabel = 100;
constexpr const char* kSong = "Its takes are in a folder of this name. Written once, it holds for all of its tracks.";
constexpr int kLeastColumns = 5, kTakeRows = 5;

double panel(const Facts& facts) { return (facts.hears_notes ? 2 : 9) * kRow; }

// All that lies under the waveform.
double below(const Facts& facts) { return kAdvice + panel(facts) + kFoot + kTrouble + 3 * kGap + kEdge; }

double panel_top(const Facts& facts, double height) { return height - below(facts) + kAdvice + kGap; }

Control button(std::string id, std::string label, std::string hint, Box box, bool is_enabled = true) {
  Control made{std::move(id), Shape::button, std::move(label), "", std::move(hint), box};
  made.is_enabled = is_enabled;
  return made;
}

Control option(std::string id, std::string label, std::string hint, Box box, bool is_lit) {
  Control made{std::move(id), Shape::option, std::move(label), "", std::move(hint), box};
  made.is_lit = made.is_stop = is_lit;
  return made;
}

void add_waveform(std::vector<Control>& all, const Facts& facts, double width, double height) {
  const Places at = places(facts, width, height);
  all.push_back({"wave", Shape::wave, "What was heard", is_empty(facts) ? first_step(facts) : "",
                 "Drag over bars; hold Alt to leave them. Arrows move the selection, with Shift its end.", at.wave});
  all.back().is_enabled = !is_empty(facts);
  if (facts.hears_notes) return;
  const double y = at.advice.y + 4;
  all.push_back(
      button("all", "All", "Select all that was heard.", {width - kEdge - 60, y, 60, kHigh}, !facts.heard.empty()));
  all.push_back(button("loop", "Take the loop", "Select what the host loops.", {width - kEdge - 178, y, 110, kHigh},
                       facts.loop.has_value()));
}

Control of_parameter(const Parameter& each, const Facts& facts, Box box) {
  Control made{std::string(each.name), Shape::field, label(each), shown(each, facts), std::string(each.text), box};
  if (each.kind == Kind::choice)
    made.shape = Shape::choice;
  else if (each.is_fader())
    made.shape = Shape::fader;
  if (made.shape != Shape::field) made.share = each.normalized(value_of(each, facts));
  made.is_lit = each.unsaid.empty() || facts.settings.count(made.id) != 0;
  made.is_enabled = each.is_of_method(value_of(parameter("method"), facts));
  return made;
}

Control field(const char* id, const char* label, const Facts& facts, const std::string& unsaid, const char* hint, Box box) {
  const std::string text = facts.text(id);
  Control made{id, Shape::field, label, text.empty() ? unsaid : text, hint, box};
  made.is_lit = !text.empty();
  return made;
}

void add_pages(std::vector<Control>& all, Page page, Box box) {
  const double third = (box.width - 2 * kGap) / 3;
  const auto add = [&](const char* id, const char* label, const char* hint, Page of) {
    all.push_back(option(id, label, hint, {box.x, box.y, third, box.height}, page == of));
    box.x += third + kGap;
  };
  add("inpaint", "New takes", "Make the bars anew.", Page::inpaint);
  add("transfer", "Another instrument", "Hand what plays to another instrument or genre.", Page::transfer);
  add("song", "Song and track", "What this track and its song are called, and where takes go.", Page::song);
}

void add_song(std::vector<Control>& all, const Facts& facts, Box row) {
  const auto add = [&](const char* id, const char* label, const std::string& unsaid, const char* hint) {
    all.push_back(field(id, label, facts, unsaid, hint, row));
    row.y += kRow;
  };
  add("track", "Track", "", "Takes on other tracks follow one that is called drums.");
  add("song_name", "Song", facts.song, kSong);
  add("folder", "Folder", "the song's, among Punchin's own", "Where takes are written, such as the project's folder.");
}

void add_parameters(std::vector<Control>& all, const Facts& facts, Page page, Box row) {
  const double half = (row.width - kGap) / 2;
  int place = 0;
  if (page == Page::inpaint) {
    const std::string known = chord_line(facts);
    all.push_back(field("chords", "Chords", facts,
                        known.empty() ? "of Punchin Chords, where there is one" : "by ear: " + known,
                        "Chords of the selected bars: Am7 | F G | C | %, a bar between two strokes.",
                        {row.x + kLabel, row.y, row.width - kLabel, kHigh}));
    place = 2;
  }
  for (const Parameter& each : parameters()) {
    if (page == Page::inpaint ? !each.is_inpaint : !each.is_transfer) continue;
    const double x = row.x + (place % 2) * (half + kGap), y = row.y + kRow * (place / 2);
    all.push_back(of_parameter(each, facts, {x + kLabel, y, half - kLabel, kHigh}));
    ++place;
  }
}

void add_settings(std::vector<Control>& all, const Facts& facts, Page page, double width, double height) {
  const double right = width - kEdge - kTakes - 2 * kGap, top = panel_top(facts, height);
  add_pages(all, page, {kEdge, top, right - kEdge, kHigh});
  if (page == Page::song)
    add_song(all, facts, {kEdge + kLabel, top + kRow, right - kEdge - kLabel, kHigh});
  else
    add_parameters(all, facts, page, {kEdge, top + kRow, right - kEdge, kHigh});
}

std::string name_of(const Facts& facts, int take) {
  if (take == 0) return "What comes in, as if Punchin were not there.";
  return facts.region().takes[size_t(take - 1)].name + (facts.can_drag ? " · can be dragged onto the time line" : "");
}

void add_takes(std::vector<Control>& all, const Facts& facts, double width, double height) {
  const double left = width - kEdge - kTakes, top = panel_top(facts, height), half = (kTakes - kGap) / 2;
  const Region& region = facts.region();
  const int count = int(region.takes.size());
  const int columns = std::max(kLeastColumns, (count + kTakeRows - 1) / kTakeRows);
  const double cell = (kTakes + 4) / columns;
  all.push_back(option("take 0", "Original", name_of(facts, 0), {left, top, half, kHigh}, region.chosen == 0));
  Control bypass = button("original", "All original", "Hear the track as it comes in, everywhere: A and B.",
                          {left + half + kGap, top, half, kHigh}, !facts.regions.empty());
  bypass.shape = Shape::toggle;
  bypass.is_lit = facts.is_original;
  all.push_back(bypass);
  for (int take = 1; take <= count; ++take) {
    const Box box{left + (take - 1) % columns * cell, top + kRow * (1 + (take - 1) / columns), cell - 4, kHigh};
    all.push_back(
        option(kTake + std::to_string(take), std::to_string(take), name_of(facts, take), box, region.chosen == take));
    all.back().value = region.takes[size_t(take - 1)].problem;
  }
  const bool has_file = region.chosen > 0 && region.takes[size_t(region.chosen - 1)].problem.empty();
  const double y = top + panel(facts) - kRow;
  all.push_back(
      button("keep", "Keep", "Keep this take alone; the files of the others stay.", {left, y, half, kHigh}, has_file));
  all.push_back(button("show", "Show in folder", "Show its file, to drag it onto a time line.",
                       {left + half + kGap, y, half, kHigh}, has_file));
}

// What others follow the notes as, and what they and their song are called.
void add_notes(std::vector<Control>& all, const Facts& facts, double width, double height) {
  const double top = panel_top(facts, height), third = (width - 2 * kEdge - kLabel - 2 * kGap) / 3;
  const std::string chosen = facts.text("feeds").empty() ? "chord" : facts.text("feeds");
  Box box{kEdge + kLabel, top, third, kHigh};
  const auto add = [&](const char* feeds, const char* label, const char* hint) {
    all.push_back(option(std::string(kFeeds) + feeds, label, hint, box, chosen == feeds));
    box.x += third + kGap;
  };
  add("chord", "Chords", "Takes on the song's other tracks follow the chords of these notes.");
  add("piano", "Piano part", "Takes on the song's other tracks follow these notes as the piano that plays them.");
  add("chord piano", "Both", "Takes on the song's other tracks follow the chords, and the notes as a piano part.");
  const double half = (width - 2 * kEdge - kGap) / 2;
  Box row{kEdge + kLabel, top + kRow, half - kLabel, kHigh};
  all.push_back(field("track", "Track", facts, "Chords", "What this is called beside takes that follow it.", row));
  row.x += half + kGap;
  all.push_back(field("song_name", "Song", facts, facts.song, kSong, row));
}

void add_page(std::vector<Control>& all, double width) {
  all.push_back(button("page", "Open the page", "Hear and compare all takes in the browser.",
                       {width - kEdge - 122, kGap + 2, 122, kHigh}));
}

}  // namespace

Places places(const Facts& facts, double width, double height) {
  const double inner = width - 2 * kEdge, below = height - view::below(facts), top = panel_top(facts, height);
  const double foot = top + panel(facts) + kGap, right = kEdge + 220;
  return {
      {kEdge, kGap, inner - 130, kRow},
      {kEdge, kGap + kHead, inner, below - kGap - kHead},
      {kEdge, below, inner - 190, kAdvice},
      {width - kEdge - kTakes, top + panel(facts) - 2 * kRow, kTakes, kRow},
      {right, foot + 4, width - kEdge - right, kHigh},
      {kEdge, foot + kFoot, inner, kTrouble},
  };
}

std::vector<Control> controls(const Facts& facts, Page page, bool is_transfer, double width, double height) {
  std::vector<Control> all;
  add_waveform(all, facts, width, height);
  if (facts.hears_notes) {
    add_notes(all, facts, width, height);
    add_page(all, width);
    return all;
  }
  add_settings(all, facts, page, width, height);
  const double foot = panel_top(facts, height) + panel(facts) + kGap + 4;
  const bool is_busy = facts.progress.has_value();
  all.push_back(button("punch", "Punch in", "Ask for new takes of the selection.", {kEdge, foot, 110, kHigh},
                       !is_busy && advice(facts, is_transfer).is_ready));
  all.push_back(button("cancel", "Cancel", "Stop making takes.", {kEdge + 118, foot, 94, kHigh}, is_busy));
  add_takes(all, facts, width, height);
  add_page(all, width);
  return all;
}

}  // namespace punchin::view
