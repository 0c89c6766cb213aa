// What was heard beside sound: tempo, bars and notes, by song sample.
#pragma once

#include <array>
#include <atomic>
#include <map>
#include <optional>
#include <vector>

#include "exchange.hpp"
#include "types.hpp"

namespace punchin {

/// The tempo from `sample` on, as the host told it there; one at every start, change and bar line.
using TempoPoint = Transport;

struct Note {
  Sample sample = 0;
  std::array<std::uint8_t, 3> bytes{};  ///< A MIDI channel message.
};

/// Tempo and notes along the song. What is played again replaces what was heard there before. Bounded: where there is
/// too much, the start of the song is forgotten first.
class Heard {
 public:
  // [audio]
  void begin(const Transport& at) noexcept;  ///< A stretch without a jump begins.
  void tempo(const Transport& at) noexcept;  ///< Another tempo, time signature or bar.
  void note(const Note& note) noexcept;
  void reach(Sample end) noexcept;  ///< The stretch goes up to `end`.

  // [any, one at a time]
  void drain();  ///< Takes in what the real-time thread said.
  std::vector<TempoPoint> tempos(Span span) const;  ///< The last one before `span` included.
  std::vector<Note> notes(Span span) const;
  bool has_notes() const { return !notes_.empty(); }
  void clear();

 private:
  enum class Kind : std::uint8_t { begin, tempo, note };
  struct Event {
    Kind kind = Kind::begin;
    Transport at;
    Note note;
  };
  struct Reached {
    std::uint64_t stretch = 0;
    Sample end = 0;
  };
  void take(const Event& event);
  void renew(Sample end);  ///< Forgets what older stretches said of this one, up to `end`.

  static constexpr std::size_t kMostTempos = 20'000;
  static constexpr std::size_t kMostNotes = 200'000;

  Queue<Event, 2048> events_;
  Latest<Reached> reached_;
  Reached reaching_;  // the real-time thread's own

  std::map<Sample, TempoPoint> tempos_;
  std::multimap<Sample, Note> notes_;
  std::uint64_t stretch_ = 0;
  Sample renewed_ = 0;  ///< Up to where the stretch was taken in.
};

}  // namespace punchin
