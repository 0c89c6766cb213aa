#include "timeline.hpp"

#include <algorithm>
#include <cmath>
#include <cstdio>

namespace punchin::link {

using nlohmann::json;

namespace {

constexpr std::size_t kMostPoints = 4096;
constexpr double kSlowest = 1.0;
constexpr double kFastest = 2000.0;
constexpr double kOnLine = 1e-3;  // quarters by which a bar may miss where another ends

struct Tempo {
  double quarter = 0.0;
  double bpm = 120.0;
};

/// From one beat to the next: as the host says, where it says the same at both; else what leads from one to the other.
double tempo_between(const Beat& beat, const Beat& next, double rate) {
  if (beat.bpm == next.bpm) return beat.bpm;
  const double bpm = (next.quarter - beat.quarter) * 60.0 * rate / static_cast<double>(next.sample - beat.sample);
  return std::clamp(bpm, kSlowest, kFastest);
}

std::vector<Tempo> tempos(const std::vector<Beat>& beats, double rate) {
  std::vector<Tempo> found;
  for (std::size_t i = 0; i < beats.size() && found.size() < kMostPoints; ++i) {
    const double bpm = i + 1 < beats.size() ? tempo_between(beats[i], beats[i + 1], rate) : beats[i].bpm;
    if (found.empty() || bpm != found.back().bpm) found.push_back({beats[i].quarter, bpm});
  }
  return found;
}

json signature(double quarter, const Beat& beat) {
  return {{"quarter", quarter}, {"numerator", beat.numerator}, {"denominator", beat.denominator}};
}

/// The time signatures from quarter 0 on.
json signatures(const std::vector<Beat>& beats) {
  json found = json::array({signature(0.0, beats.front())});
  const Beat* last = &beats.front();
  for (const Beat& beat : beats) {
    const bool is_same = beat.numerator == last->numerator && beat.denominator == last->denominator;
    if (is_same || beat.bar_start <= found.back()["quarter"].get<double>() + kOnLine) continue;
    if (found.size() == kMostPoints) break;
    found.push_back(signature(beat.bar_start, beat));
    last = &beat;
  }
  return found;
}

}  // namespace

json timeline(const std::vector<Beat>& beats, double rate) {
  json made{{"rate", static_cast<std::int64_t>(std::llround(rate))}};
  if (beats.empty()) {
    made["tempos"] = json::array({{{"quarter", 0.0}, {"bpm", 120.0}}});
    made["metres"] = json::array({{{"quarter", 0.0}}});
    made["free"] = true;
    return made;
  }
  const std::vector<Tempo> found = tempos(beats, rate);
  made["tempos"] = json::array();
  for (const Tempo& tempo : found)
    made["tempos"].push_back({{"quarter", made["tempos"].empty() ? 0.0 : tempo.quarter}, {"bpm", tempo.bpm}});
  const Beat& first = beats.front();
  made["origin"] = static_cast<double>(first.sample) - first.quarter * 60.0 * rate / found.front().bpm;
  made["metres"] = signatures(beats);
  return made;
}

std::string clock(const std::vector<Beat>& beats, Span region, double rate) {
  if (beats.empty()) return "free";
  char said[128];
  const double start = quarter_at(beats, region.start, rate);
  const double end = quarter_at(beats, region.end, rate);
  std::snprintf(said, sizeof said, "%.3f %.3f %d/%d", start, end, beats.front().numerator, beats.front().denominator);
  return said;
}

}  // namespace punchin::link
