// What the window says, in sentences. Pure.
#pragma once

#include "facts.hpp"
#include "parameters.hpp"

#include <string>

namespace punchin::view {

// `Bars 5 to 8`, `Bar 5`, or `12.50 s to 17.00 s` where the edges are no bar lines.
std::string named(const Facts& facts, Span span);

// What to do next; `is_ready` says that takes can be asked for.
struct Advice {
  std::string text;
  bool is_ready = false;
};

// Whether there is nothing to be shown yet, and what the window says then.
bool is_empty(const Facts& facts);
std::string first_step(const Facts& facts);

// Whether Punchin runs: it says which chords notes are.
std::string connection(const Facts& facts);

Advice advice(const Facts& facts, bool is_transfer);

// The chords of the selection as they are typed, bar by bar: `Am7 | F G | C`; empty where none is known.
std::string chord_line(const Facts& facts);

// `Text guidance`, of `text_guidance`.
std::string label(const Parameter& parameter);

// The value as it is shown: `0.8`, or whose it is to say.
std::string shown(const Parameter& parameter, const Facts& facts);

// The value that a fader begins at: what was said, or what there is at first.
std::string value_of(const Parameter& parameter, const Facts& facts);

}  // namespace punchin::view
