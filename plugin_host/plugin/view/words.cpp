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

}  // namespace

std::string named(const Facts& facts, Span span) {
  const BarLine *first = line_at(facts.bars, span.start), *after = line_at(facts.bars, span.end);
  if (!first || !after) return seconds(facts, span.start) + " to " + seconds(facts, span.end);
  const int last = after->number - 1;
  if (first->number == last) return "Bar " + std::to_string(last);
  return "Bars " + std::to_string(first->number) + " to " + std::to_string(last);
}

std::string first_step() { return "Play the part once: Punchin remembers what passes through this track."; }

Advice advice(const Facts& facts, bool is_transfer) {
  if (facts.heard.empty()) return {first_step()};
  if (facts.selection.empty()) return {"Drag over the bars that should be made anew."};
  if (const Span missing = unheard(facts.heard, facts.selection); !missing.empty())
    return {named(facts, snapped(facts.bars, missing)) + " of the selection has not been heard: play it once."};
  if (is_transfer && facts.settings.count("to") == 0) return {"Say what it becomes: violin, under To."};
  const std::string track = facts.text("track");
  const std::string whose = track.empty() ? "" : " of " + track;
  return {named(facts, facts.selection) + whose + (facts.remote.empty() ? "" : ", made by " + facts.remote), true};
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
