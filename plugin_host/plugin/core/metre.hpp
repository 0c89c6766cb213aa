// Bars and beats of what hosts tell: places in quarter notes.
#pragma once

#include <cmath>
#include <cstdint>
#include <optional>

namespace punchin {

struct BarBeat {
  std::int32_t bar = 1;  ///< From 1.
  double beat = 0.0;     ///< Beats of the time signature since the bar's start.
};

/// Where `quarter` of the song is. `bar_start` is the quarter at which its bar begins and `number` that bar's, from 1,
/// where the host tells: else both are counted as if the time signature had held from the song's start.
inline BarBeat bar_and_beat(double quarter, std::optional<double> bar_start, std::optional<std::int32_t> number,
                            int numerator, int denominator) {
  const double quarters_per_bar = numerator * 4.0 / denominator;
  const double start = bar_start.value_or(std::floor(quarter / quarters_per_bar) * quarters_per_bar);
  const auto counted = static_cast<std::int32_t>(std::lround(start / quarters_per_bar)) + 1;
  return {number.value_or(counted), (quarter - start) * denominator / 4.0};
}

}  // namespace punchin
