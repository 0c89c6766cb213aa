#include "score.hpp"

#include <algorithm>
#include <array>
#include <cmath>
#include <iterator>
#include <optional>

namespace punchin::link {

namespace {

constexpr double kSlowest = 1.0;
constexpr double kFastest = 2000.0;
constexpr int kKeys = 128;
constexpr int kChannelsOfMidi = 16;
constexpr int kNoteOff = 0x80;
constexpr int kNoteOn = 0x90;
constexpr int kControl = 0xB0;
constexpr int kSustain = 64;
constexpr int kSostenuto = 66;

std::optional<Beat> read(const TempoPoint& point, const Beat* before) {
  const int numerator = static_cast<int>(std::lround(point.beats_per_bar));
  const int denominator = static_cast<int>(std::lround(point.beat_unit));
  const bool is_unit = denominator >= 1 && denominator <= 64 && (denominator & (denominator - 1)) == 0;
  if (!point.metered || !is_unit || numerator < 1 || numerator > 255) return std::nullopt;
  if (!(point.bpm >= kSlowest && point.bpm <= kFastest)) return std::nullopt;
  Beat beat{point.sample, 0.0, point.bpm, numerator, denominator, 0.0, point.bar};
  const Beat& counted = before ? *before : beat;
  const double bar_length = 4.0 * counted.numerator / counted.denominator;
  beat.bar_start = before ? before->bar_start + (point.bar - before->bar) * bar_length : (point.bar - 1) * bar_length;
  beat.quarter = beat.bar_start + point.beat * 4.0 / denominator;
  return beat;
}

/// From one beat to the next: as the host says, where it says the same at both; else what leads from one to the other.
double quarters_per_sample(const Beat& beat, const Beat& next, double rate) {
  if (beat.bpm == next.bpm) return beat.bpm / 60.0 / rate;
  return (next.quarter - beat.quarter) / static_cast<double>(next.sample - beat.sample);
}

}  // namespace

std::vector<Beat> beats(const std::vector<TempoPoint>& points) {
  std::vector<Beat> found;
  for (const TempoPoint& point : points) {
    const Beat* before = found.empty() ? nullptr : &found.back();
    const auto beat = read(point, before);
    if (!beat || beat->quarter < 0.0) continue;
    if (!before || (beat->sample > before->sample && beat->quarter > before->quarter)) found.push_back(*beat);
  }
  return found;
}

double quarter_at(const std::vector<Beat>& beats, Sample sample, double rate) {
  const auto is_later = [](Sample at, const Beat& beat) { return at < beat.sample; };
  const auto next = std::upper_bound(beats.begin(), beats.end(), sample, is_later);
  const Beat& before = next == beats.begin() ? *next : *std::prev(next);
  const bool is_between = next != beats.begin() && next != beats.end();
  const double step = is_between ? quarters_per_sample(before, *next, rate) : before.bpm / 60.0 / rate;
  return before.quarter + static_cast<double>(sample - before.sample) * step;
}

std::vector<Held> held(const std::vector<Note>& notes, Sample end) {
  std::vector<Held> found;
  std::array<std::array<std::optional<Held>, kKeys>, kChannelsOfMidi> down;
  const auto release = [&](std::optional<Held>& key, Sample at) {
    if (key && at > key->span.start) {
      key->span.end = at;
      found.push_back(*key);
    }
    key.reset();
  };
  for (const Note& note : notes) {
    const int kind = note.bytes[0] & 0xF0;
    if (kind != kNoteOn && kind != kNoteOff) continue;
    const int channel = note.bytes[0] & 0x0F;
    const int pitch = note.bytes[1] & 0x7F;
    const int velocity = note.bytes[2] & 0x7F;
    auto& key = down[static_cast<std::size_t>(channel)][static_cast<std::size_t>(pitch)];
    release(key, note.sample);
    if (kind == kNoteOn && velocity > 0) key = Held{{note.sample, note.sample}, pitch, velocity, channel};
  }
  for (auto& channel : down)
    for (auto& key : channel) release(key, end);
  const auto is_earlier = [](const Held& one, const Held& other) { return one.span.start < other.span.start; };
  std::stable_sort(found.begin(), found.end(), is_earlier);
  return found;
}

std::vector<Key> keys(const std::vector<Note>& notes, const std::vector<Beat>& beats, double rate, Sample end) {
  std::vector<Key> found;
  for (const Held& key : held(notes, end))
    found.push_back({quarter_at(beats, key.span.start, rate), quarter_at(beats, key.span.end, rate), key.pitch,
                     key.velocity, key.channel});
  return found;
}

std::vector<PedalMove> pedals(const std::vector<Note>& notes, const std::vector<Beat>& beats, double rate) {
  std::vector<PedalMove> found;
  for (const Note& note : notes) {
    const int controller = note.bytes[1];
    if ((note.bytes[0] & 0xF0) != kControl || (controller != kSustain && controller != kSostenuto)) continue;
    const double quarter = quarter_at(beats, note.sample, rate);
    const char* pedal = controller == kSustain ? "sustain" : "sostenuto";
    found.push_back({quarter, pedal, note.bytes[2] & 0x7F, note.bytes[0] & 0x0F});
  }
  return found;
}

}  // namespace punchin::link
