#include "controls.hpp"

#include <algorithm>

#include "timeline.hpp"
#include "words.hpp"

namespace punchin::view {

namespace {

constexpr double EDGE = 12, GAP = 8, ROW = 26, HIGH = 22; // a row of controls, and a control in it
constexpr double HEAD = 30, ADVICE = 30, FOOT = 30, TROUBLE = 24;
constexpr double PANEL = 9 * ROW;
constexpr double BELOW = ADVICE + PANEL + FOOT + TROUBLE + 3 * GAP + EDGE; // all that lies under the waveform
constexpr double TAKES = 270; // the width of the right column
constexpr double LABEL = 100;
constexpr int LEAST_COLUMNS = 5, TAKE_ROWS = 5;

double panel_top(double height) { return height - BELOW + ADVICE + GAP; }

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
    const Places at = places(width, height);
    all.push_back({"wave", Shape::wave, "What was heard", facts.heard.empty() ? first_step() : "",
                   "Drag over bars; hold Alt to leave them. Arrows move the selection, with Shift its end.", at.wave});
    all.back().is_enabled = !facts.heard.empty();
    const double y = at.advice.y + 4;
    all.push_back(button("all", "All", "Select all that was heard.", {width - EDGE - 60, y, 60, HIGH},
                         !facts.heard.empty()));
    all.push_back(button("loop", "Take the loop", "Select what the host loops.", {width - EDGE - 178, y, 110, HIGH},
                         facts.loop.has_value()));
}

Control of_parameter(const Parameter& each, const Facts& facts, Box box) {
    Control made{std::string(each.name), Shape::field, label(each), shown(each, facts), std::string(each.text), box};
    if (each.kind == Kind::choice)
        made.shape = Shape::choice;
    else if (each.is_fader())
        made.shape = Shape::fader;
    if (made.shape != Shape::field)
        made.share = each.normalized(value_of(each, facts));
    made.is_lit = each.unsaid.empty() || facts.settings.count(made.id) != 0;
    made.is_enabled = each.is_of_method(value_of(parameter("method"), facts));
    return made;
}

void add_settings(std::vector<Control>& all, const Facts& facts, Engine engine, double width, double height) {
    const double left = EDGE, right = width - EDGE - TAKES - 2 * GAP, top = panel_top(height);
    const double half = (right - left - GAP) / 2;
    all.push_back(option("inpaint", "New takes", "Make the bars anew.", {left, top, half, HIGH},
                         engine == Engine::inpaint));
    all.push_back(option("transfer", "Another instrument", "Hand what plays to another instrument or genre.",
                         {left + half + GAP, top, half, HIGH}, engine == Engine::transfer));
    int place = 0;
    if (engine == Engine::inpaint) {
        const char* notes = facts.has_chord_notes ? "as played by MIDI" : "from what plays";
        all.push_back({"chords", Shape::field, "Chords", facts.chords.empty() ? notes : facts.chords,
                       "Chords of the selected bars: Am7 | F G | C | %, a bar between two strokes.",
                       {left + LABEL, top + ROW, right - left - LABEL, HIGH}});
        all.back().is_lit = !facts.chords.empty();
        place = 2;
    }
    for (const Parameter& each : parameters()) {
        if (!each.is_of(engine))
            continue;
        const double x = left + (place % 2) * (half + GAP), y = top + ROW * (1 + place / 2);
        all.push_back(of_parameter(each, facts, {x + LABEL, y, half - LABEL, HIGH}));
        ++place;
    }
}

std::string name_of(const Facts& facts, int take) {
    return take == 0 ? "What comes in, as if Punchin were not there." : facts.takes[size_t(take - 1)].name;
}

void add_takes(std::vector<Control>& all, const Facts& facts, double width, double height) {
    const double left = width - EDGE - TAKES, top = panel_top(height);
    const int count = int(facts.takes.size());
    const int columns = std::max(LEAST_COLUMNS, (count + TAKE_ROWS - 1) / TAKE_ROWS);
    const double cell = (TAKES + 4) / columns;
    all.push_back(option("take 0", "Original", name_of(facts, 0), {left, top, TAKES, HIGH}, facts.chosen == 0));
    for (int take = 1; take <= count; ++take) {
        const Box box{left + (take - 1) % columns * cell, top + ROW * (1 + (take - 1) / columns), cell - 4, HIGH};
        const bool is_missing = facts.takes[size_t(take - 1)].is_missing;
        all.push_back(option(TAKE + std::to_string(take), std::to_string(take), name_of(facts, take), box,
                             facts.chosen == take));
        all.back().value = is_missing ? "missing" : "";
    }
    const bool has_file = facts.chosen > 0 && !facts.takes[size_t(facts.chosen - 1)].is_missing;
    const double y = top + PANEL - ROW, half = (TAKES - GAP) / 2;
    all.push_back(button("keep", "Keep", "Keep this take's file with the project.", {left, y, half, HIGH}, has_file));
    all.push_back(button("folder", "Show in folder", "Show its file, to drag it onto the time line.",
                         {left + half + GAP, y, half, HIGH}, has_file));
}

} // namespace

Places places(double width, double height) {
    const double inner = width - 2 * EDGE, below = height - BELOW, top = panel_top(height);
    const double foot = top + PANEL + GAP, right = EDGE + 220;
    return {
        {EDGE, GAP, inner - 130, ROW},
        {EDGE, GAP + HEAD, inner, below - GAP - HEAD},
        {EDGE, below, inner - 190, ADVICE},
        {width - EDGE - TAKES, top + PANEL - 2 * ROW, TAKES, ROW},
        {right, foot + 4, width - EDGE - right, HIGH},
        {EDGE, foot + FOOT, inner, TROUBLE},
    };
}

std::vector<Control> controls(const Facts& facts, Engine engine, double width, double height) {
    std::vector<Control> all;
    add_waveform(all, facts, width, height);
    add_settings(all, facts, engine, width, height);
    const double foot = panel_top(height) + PANEL + GAP + 4;
    const bool is_busy = facts.progress.has_value();
    all.push_back(button("punch", "Punch in", "Ask for new takes of the selection.", {EDGE, foot, 110, HIGH},
                         !is_busy && advice(facts, engine).is_ready));
    all.push_back(button("cancel", "Cancel", "Stop making takes.", {EDGE + 118, foot, 94, HIGH}, is_busy));
    add_takes(all, facts, width, height);
    all.push_back(button("page", "Open the page", "Hear and compare all takes in the browser.",
                         {width - EDGE - 122, GAP + 2, 122, HIGH}));
    return all;
}

} // namespace punchin::view
