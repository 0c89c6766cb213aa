// What the window is told, as plain values, and what it may ask for. Knows no host, no bridge and no drawing.
#pragma once

#include <cstdint>
#include <map>
#include <optional>
#include <string>
#include <vector>

#include "../core/types.hpp"

namespace punchin::view {

// A bar line, and what the host's ruler calls the bar that begins there.
struct BarLine {
  int64_t at;
  int number;

  bool operator==(const BarLine& other) const { return at == other.at && number == other.number; }
};

// A chord of what was heard, as musicians write it, and how sure it is, from 0 to 1, where it was read by ear.
struct Chord {
  Span span;
  std::string name;
  double sure = 1;

  bool operator==(const Chord& other) const {
    return span == other.span && name == other.name && sure == other.sure;
  }
};

struct Take {
  std::string name;     // `Punchin 1 · bars 5-8 · seed 7`
  std::string problem;  // why it cannot be heard, so that the original is; empty: it can

  bool operator==(const Take& other) const { return name == other.name && problem == other.problem; }
};

// A place that was punched into.
struct Region {
  Span span;
  std::vector<Take> takes;
  int chosen = 0;  // from 1; 0 is the original

  bool operator==(const Region& other) const {
    return span == other.span && takes == other.takes && chosen == other.chosen;
  }
};

// A request on its way: `line` is one line for people, `fraction` how much is done, 0 while nothing is known, `seconds`
// how long it has been on its way.
struct Progress {
  std::string line;
  double fraction = 0, seconds = 0;

  bool operator==(const Progress& other) const {
    return line == other.line && fraction == other.fraction && seconds == other.seconds;
  }
};

struct Facts {
  bool hears_notes = false;  // Punchin Chords: it notes keys, and makes no takes
  bool has_notes = false;    // whether there were any
  bool has_bridge = false;
  bool can_drag = false;      // whether takes can be dragged out of the window
  std::string song;           // its name, by the window of another track
  std::vector<Chord> chords;  // of what was heard, from the left, as far as they are known
  double rate = 48000;
  std::vector<Span> heard;    // from the left, apart from one another
  std::vector<BarLine> bars;  // of what was heard, with the line after the last bar; empty where the tempo is unknown
  int64_t position = 0;
  bool is_playing = false;
  std::optional<Span> loop;  // where the format tells it
  Span selection;
  std::map<std::string, std::string> settings;  // of parameters, by name: those that the musician has said
  std::map<std::string, std::string> written;   // by field: chords, track, song_name, folder, feeds
  std::vector<Region> regions;
  size_t active = 0;         // the region whose takes are shown
  bool is_original = false;  // A/B: the original everywhere
  std::optional<Progress> progress;
  std::string trouble;  // one sentence, and what to do
  std::string remark;   // worth knowing of the last takes
  std::string remote;   // the other computer that makes takes; empty: this one

  // What stands in a field; empty where nothing does.
  std::string text(const std::string& field) const;
  // The region whose takes are shown; an empty one where there is none.
  const Region& region() const;

  bool operator==(const Facts& other) const;
  bool operator!=(const Facts& other) const { return !(*this == other); }
};

// What the musician does in the window. Nothing here waits: what becomes of it is seen in later facts.
class Actions {
 public:
  virtual ~Actions() = default;
  virtual void select(Span selection) = 0;
  virtual void set(const std::string& parameter, const std::string& value) = 0;  // empty: nobody says it any more
  virtual void write(const std::string& field, const std::string& text) = 0;
  virtual void punch_in(bool is_transfer) = 0;
  virtual void cancel() = 0;
  virtual void choose(int take) = 0;  // of the active region
  virtual void activate(size_t region) = 0;
  virtual void set_original(bool is_original) = 0;
  virtual void keep() = 0;  // the take that is chosen, and no other of its region
  virtual void show_in_folder() = 0;
  virtual void drag_out(int take) = 0;  // of the active region, onto whatever window the button is let go over
  virtual void open_page() = 0;
};

}  // namespace punchin::view
