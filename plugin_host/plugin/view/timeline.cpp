#include "timeline.hpp"

#include <algorithm>
#include <cmath>

namespace punchin::view {

namespace {

constexpr double kNarrowest = 0.01;  // seconds

// The last bar line at or before a sample, and the first at or after it; the ends' where it lies beyond.
int64_t line_before(const std::vector<BarLine>& bars, int64_t sample) {
  int64_t found = bars.front().at;
  for (const BarLine& bar : bars)
    if (bar.at <= sample) found = bar.at;
  return found;
}

int64_t line_after(const std::vector<BarLine>& bars, int64_t sample) {
  for (const BarLine& bar : bars)
    if (bar.at >= sample) return bar.at;
  return bars.back().at;
}

// The edge one bar on or back.
int64_t moved(const Facts& facts, int64_t edge, int by) {
  if (facts.bars.empty()) return edge + int64_t(by * facts.rate);
  return by > 0 ? line_after(facts.bars, edge + 1) : line_before(facts.bars, edge - 1);
}

// The line, unless it is the last one once more, as it was seen from an earlier moment.
void add(std::vector<BarLine>& lines, double at, int number) {
  const int64_t sample = std::llround(at);
  if (lines.empty() || (sample > lines.back().at && number != lines.back().number)) lines.push_back({sample, number});
}

}  // namespace

std::vector<BarLine> bar_lines(const std::vector<Transport>& said, double rate, Span span) {
  std::vector<BarLine> lines;
  for (size_t place = 0; place < said.size(); ++place) {
    const Transport& now = said[place];
    if (!now.metered || now.bpm <= 0 || now.beats_per_bar <= 0) continue;
    const double beat = rate * 60 / now.bpm * 4 / double(now.beat_unit), bar = beat * double(now.beats_per_bar);
    const double first = double(now.sample) - now.beat * beat;
    const bool is_last = place + 1 == said.size();
    // The next moment's own line is its own matter: it may lie a little beside the one expected from here.
    const double end = is_last ? double(span.end) + bar - 1 : double(said[place + 1].sample) - beat / 2;
    for (int number = 0; first + number * bar < end; ++number) add(lines, first + number * bar, now.bar + number);
  }
  while (lines.size() > 1 && lines[1].at <= span.start) lines.erase(lines.begin());
  return lines;
}

Span whole(const Facts& facts) {
  if (facts.heard.empty()) return {};
  return snapped(facts.bars, {facts.heard.front().start, facts.heard.back().end});
}

Span snapped(const std::vector<BarLine>& bars, Span span) {
  if (bars.size() < 2) return span;
  const int64_t start = line_before(bars, span.start);
  return {start, std::max(line_after(bars, span.end), line_after(bars, start + 1))};
}

Span stepped(const Facts& facts, Span selection, int by, bool only_end) {
  const Span limits = whole(facts);
  if (limits.empty()) return selection;
  if (selection.empty()) return {limits.start, std::min(moved(facts, limits.start, 1), limits.end)};
  const Span next{only_end ? selection.start : moved(facts, selection.start, by), moved(facts, selection.end, by)};
  const bool is_inside = next.start >= limits.start && next.end <= limits.end;
  const bool has_moved = next.end != selection.end && (only_end || next.start != selection.start);
  return is_inside && has_moved && !next.empty() ? next : selection;
}

Span unheard(const std::vector<Span>& heard, Span span) {
  for (const Span& each : heard)
    if (each.start <= span.start && each.end > span.start) span.start = std::min(each.end, span.end);
  if (span.empty()) return {};
  for (auto each = heard.rbegin(); each != heard.rend(); ++each)
    if (each->end >= span.end && each->start < span.end) span.end = each->start;
  return span;
}

Span zoomed(Span visible, double factor, int64_t around, Span limits, double rate) {
  const double least = kNarrowest * rate;
  const double length = std::min(std::max(double(visible.length()) * factor, least), double(limits.length()));
  const double share = double(around - visible.start) / std::max(1.0, double(visible.length()));
  const int64_t latest = limits.end - int64_t(length);
  const int64_t start = std::min(std::max(around - int64_t(share * length), limits.start), latest);
  return {start, start + int64_t(length)};
}

}  // namespace punchin::view
