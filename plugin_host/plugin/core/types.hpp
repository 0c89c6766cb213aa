// Words that every part uses. A function's thread stands in brackets: [audio] is the host's real-time thread, which
// allocates, locks and frees nothing; [any] is every other thread.
#pragma once

#include <algorithm>
#include <cstdint>
#include <stdexcept>
#include <string>
#include <vector>

namespace punchin {

/// A sample of the song at the host's rate; negative in a pre-roll before the song.
using Sample = std::int64_t;

/// Samples `[start, end)` of the song.
struct Span {
  Sample start = 0;
  Sample end = 0;

  constexpr Sample length() const { return end > start ? end - start : 0; }
  constexpr bool empty() const { return end <= start; }
  constexpr bool contains(Sample at) const { return at >= start && at < end; }
  constexpr bool operator==(const Span& other) const { return start == other.start && end == other.end; }
  constexpr bool operator!=(const Span& other) const { return !(*this == other); }
};

/// What both spans hold; empty where they do not meet.
constexpr Span overlap(Span a, Span b) {
  const Sample start = std::max(a.start, b.start);
  return {start, std::max(start, std::min(a.end, b.end))};
}

/// What the host says of the time at the first sample of a block.
struct Transport {
  bool rolling = false;
  bool metered = false;  ///< Whether the host tells bars: without, the fields below hold their defaults.
  Sample sample = 0;
  double bpm = 120.0;        ///< Quarter notes a minute.
  std::int32_t bar = 1;      ///< From 1.
  double beat = 0.0;         ///< Beats of the time signature since the bar's start, from 0.
  float beats_per_bar = 4.0F;
  float beat_unit = 4.0F;    ///< The note that is one beat: 4 is a quarter, 8 an eighth.
};

/// Sound: one vector of samples a channel, all of one length, at `rate` Hz.
struct Audio {
  double rate = 0.0;
  std::vector<std::vector<float>> channels;

  Sample frames() const { return channels.empty() ? 0 : static_cast<Sample>(channels.front().size()); }
};

/// What a musician is told: what is wrong, and what to do.
class Error : public std::runtime_error {
 public:
  using std::runtime_error::runtime_error;
};

constexpr int kChannels = 2;
constexpr int kMostTakes = 32;  ///< Of one region.  Two requests of the most that one may bring (`MAX_TAKES`).

}  // namespace punchin
