#include "words.hpp"

#include <cctype>
#include <cmath>
#include <cstdio>

#include "timeline.hpp"

namespace punchin::view {

namespace {

const BarLine* line_at(const std::vector<BarLine>& bars, int64_t sample) {
  for (const BarLine& bar : bars)
    if (bar.at == sample) return &bar;
  return nullptr;
}

std::string seconds(const Facts& facts, int64_t sample) {
  char text[32];
  std::snprintf(text, sizeof text, "%.2f s", double(sample) / facts.rate);
  return text;
}

// What they follow of notes.
std::string followed_as(const Facts& facts) {
  const std::string feeds = facts.text("feeds");
  if (feeds == "piano") return "these notes as a piano part";
  return feeds == "chord piano" ? "these chords, and the notes as a piano part" : "these chords";
}

}  // namespace

std::string named(const Facts& facts, Span span) {
  const BarLine *first = line_at(facts.bars, span.start), *after = line_at(facts.bars, span.end);
  if (!first || !after) return seconds(facts, span.start) + " to " + seconds(facts, span.end);
  const int last = after->number - 1;
  if (first->number == last) return "Bar " + std::to_string(last);
  return "Bars " + std::to_string(first->number) + " to " + std::to_string(last);
}

bool is_empty(const Facts& facts) { return facts.hears_notes ? !facts.has_notes : facts.heard.empty(); }

std::string first_step(const Facts& facts) {
  if (facts.hears_notes) return "Play the song once: the notes that pass through to the instrument are remembered.";
  return "Play the part once: Punchin remembers what passes through this track.";
}

std::string connection(const Facts& facts) {
  if (facts.has_bridge) return "Punchin runs: it names the chords, and takes of the song's other tracks follow.";
  return facts.has_notes ? "Punchin is being started: then the chords get their names." : "Punchin does not run yet.";
}

Advice advice(const Facts& facts, bool is_transfer) {
  if (is_empty(facts)) return {first_step(facts)};
  if (facts.hears_notes) return {"Takes on the song's other tracks follow " + followed_as(facts) + "."};
  if (facts.selection.empty()) return {"Drag over the bars that should be made anew."};
  if (const Span missing = unheard(facts.heard, facts.selection); !missing.empty())
    return {named(facts, snapped(facts.bars, missing)) + " of the selection has not been heard: play it once."};
  if (is_transfer && facts.settings.count("to") == 0) return {"Say what it becomes: violin, under To."};
  const std::string track = facts.text("track");
  const std::string whose = track.empty() ? "" : " of " + track;
  return {named(facts, facts.selection) + whose + (facts.remote.empty() ? "" : ", made by " + facts.remote), true};
}

std::string chord_line(const Facts& facts) {
  std::string line, last;
  for (size_t bar = 0; bar + 1 < facts.bars.size(); ++bar) {
    const Span here{facts.bars[bar].at, facts.bars[bar + 1].at};
    if (here.start < facts.selection.start || here.end > facts.selection.end) continue;
    std::string names;
    for (const Chord& each : facts.chords)
      if (!overlap(each.span, here).empty()) names += (names.empty() ? "" : " ") + each.name;
    if (!names.empty()) last = names;
    if (!last.empty()) line += (line.empty() ? "" : " | ") + last;
  }
  return line;
}

std::string label(const Parameter& parameter) {
  std::string text(parameter.name);
  for (char& letter : text)
    if (letter == '_') letter = ' ';
  text[0] = char(std::toupper(static_cast<unsigned char>(text[0])));
  return text;
}

std::string value_of(const Parameter& parameter, const Facts& facts) {
  const auto said = facts.settings.find(std::string(parameter.name));
  return said == facts.settings.end() ? std::string(parameter.initial) : said->second;
}

std::string shown(const Parameter& parameter, const Facts& facts) {
  if (facts.settings.count(std::string(parameter.name)) == 0 && !parameter.unsaid.empty())
    return std::string(parameter.unsaid);
  const std::string value = value_of(parameter, facts);
  if (parameter.kind != Kind::number) return value;
  char text[32];
  std::snprintf(text, sizeof text, "%.3g", std::strtod(value.c_str(), nullptr));
  return text;
}

}  // namespace punchin::view
