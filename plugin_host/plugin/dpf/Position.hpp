// The song's position, of what each format tells, as DPF has it. Called in place of DPF's own code: see cmake/Patch.cmake.
#pragma once

#include <cmath>
#include <optional>

#include "DistrhoPlugin.hpp"
#include "core/metre.hpp"

START_NAMESPACE_DISTRHO

inline void set_metre(TimePosition& position, const punchin::BarBeat& where, int numerator, int denominator) {
  auto& bbt = position.bbt;
  const double whole = std::floor(where.beat);
  bbt.valid = true;
  bbt.bar = where.bar;
  bbt.beat = static_cast<std::int32_t>(whole) + 1;
  bbt.ticksPerBeat = 1920.0;
  bbt.tick = (where.beat - whole) * bbt.ticksPerBeat;
  bbt.beatsPerBar = static_cast<float>(numerator);
  bbt.beatType = static_cast<float>(denominator);
  bbt.barStartTick = bbt.ticksPerBeat * bbt.beatsPerBar * (bbt.bar - 1);
}

#ifdef DISTRHO_PLUGIN_TARGET_VST3

/// VST3 always tells `project_time_in_samples`. DPF asks for a flag that speaks of quarters, and without it takes a clock
/// that does not know of loops; and it counts bars in whole quarters, which 7/8 has not.
inline void set_position(TimePosition& position, const v3_process_context& told) {
  position = {};
  position.playing = (told.state & V3_PROCESS_CTX_PLAYING) != 0;
  position.frame = static_cast<std::uint64_t>(told.project_time_in_samples);
  position.bbt.beatsPerMinute = (told.state & V3_PROCESS_CTX_TEMPO_VALID) != 0 ? told.bpm : 120.0;
  constexpr std::uint32_t metre = V3_PROCESS_CTX_PROJECT_TIME_VALID | V3_PROCESS_CTX_TIME_SIG_VALID;
  if ((told.state & metre) != metre || told.time_sig_numerator <= 0 || told.time_sig_denom <= 0) return;
  std::optional<double> bar;
  if ((told.state & V3_PROCESS_CTX_BAR_POSITION_VALID) != 0) bar = told.bar_position_quarters;
  set_metre(position,
            punchin::bar_and_beat(told.project_time_quarters, bar, {}, told.time_sig_numerator, told.time_sig_denom),
            told.time_sig_numerator, told.time_sig_denom);
}

#endif
#ifdef DISTRHO_PLUGIN_TARGET_CLAP

/// DPF takes `steady_time` for the song's position, which CLAP says it is not: it only ever goes forward. Without a place
/// in seconds nobody knows what of the song sounds; that is as if it stood still.
inline void set_position(TimePosition& position, const clap_event_transport_t& told, double rate) {
  position = {};
  const auto has = [&](std::uint32_t flags) { return (told.flags & flags) == flags; };
  position.playing = has(CLAP_TRANSPORT_IS_PLAYING | CLAP_TRANSPORT_HAS_SECONDS_TIMELINE) &&
                     !has(CLAP_TRANSPORT_IS_WITHIN_PRE_ROLL);
  const double seconds = static_cast<double>(told.song_pos_seconds) / static_cast<double>(CLAP_SECTIME_FACTOR);
  position.frame = static_cast<std::uint64_t>(static_cast<std::int64_t>(std::llround(seconds * rate)));
  position.bbt.beatsPerMinute = has(CLAP_TRANSPORT_HAS_TEMPO) ? told.tempo : 120.0;
  if (!has(CLAP_TRANSPORT_HAS_BEATS_TIMELINE | CLAP_TRANSPORT_HAS_TIME_SIGNATURE)) return;
  if (told.tsig_num == 0 || told.tsig_denom == 0) return;
  const auto quarters = [](clap_beattime beats) { return static_cast<double>(beats) / CLAP_BEATTIME_FACTOR; };
  set_metre(position,
            punchin::bar_and_beat(quarters(told.song_pos_beats), quarters(told.bar_start), told.bar_number + 1,
                                  told.tsig_num, told.tsig_denom),
            told.tsig_num, told.tsig_denom);
}

#endif

END_NAMESPACE_DISTRHO
