// What the host said of the time and which keys went down, counted in quarters from bar 1. Pure.
#pragma once

#include <string>
#include <vector>

#include "../core/heard.hpp"
#include "../core/types.hpp"

namespace punchin::link {

/// What the transport said at `sample`, which lies in the bar that began at quarter `bar_start` and which the host's ruler
/// calls `bar`.
struct Beat {
  Sample sample = 0;
  double quarter = 0.0;
  double bpm = 120.0;
  int numerator = 4;
  int denominator = 4;
  double bar_start = 0.0;
  int bar = 1;
};

/// A key that was down, over these samples.
struct Held {
  Span span;
  int pitch = 0;
  int velocity = 0;
  int channel = 0;
};

/// A key that was down, in quarters.
struct Key {
  double start = 0.0;
  double end = 0.0;
  int pitch = 0;
  int velocity = 0;
  int channel = 0;
};

/// At `quarter` a pedal went to `value`.
struct PedalMove {
  double quarter = 0.0;
  std::string pedal;  ///< `sustain`, `sostenuto`
  int value = 0;
  int channel = 0;
};

/// Hosts name bars and no quarters: those before the first point are counted with its time signature, all others with
/// that of the point before them. What says nothing, or goes back, is left out.
std::vector<Beat> beats(const std::vector<TempoPoint>& points);

/// The quarter at which `sample` sounds; `beats` has one at least.
double quarter_at(const std::vector<Beat>& beats, Sample sample, double rate);

/// By their start. Keys that are not let go end at `end`.
std::vector<Held> held(const std::vector<Note>& notes, Sample end);
std::vector<Key> keys(const std::vector<Note>& notes, const std::vector<Beat>& beats, double rate, Sample end);
std::vector<PedalMove> pedals(const std::vector<Note>& notes, const std::vector<Beat>& beats, double rate);

}  // namespace punchin::link
