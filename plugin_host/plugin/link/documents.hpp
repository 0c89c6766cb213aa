// What the bridge says (`State` in protocol.py), as plain values that were checked, and what we say, as JSON. Pure.
#pragma once

#include <cstdint>
#include <nlohmann/json.hpp>
#include <optional>
#include <string>
#include <vector>

#include "../core/types.hpp"

namespace punchin::link {

using nlohmann::json;

/// A chord by its name. Where it was read by ear, `sure` says how sure that is, from 0 to 1.
struct NamedChord {
  Span span;
  std::string name;
  double sure = 1.0;
};

struct TakeFile {
  std::string path;
  std::string name;
};

/// A job as the bridge shows it.
struct View {
  std::string job, phase, line, next_step, track, guard;
  double fraction = 0;
  Span region;
  std::vector<TakeFile> takes;
  std::vector<NamedChord> heard;  ///< The region's, read by ear.

  bool is_at_work() const { return phase == "preparing" || phase == "queued" || phase == "running"; }
  bool is_there() const { return phase == "ready" || phase == "held"; }  ///< to be placed
  bool is_over() const { return !is_at_work() && !is_there(); }
};

/// What somebody else wants this plug-in to do.
struct Ask {
  std::string ask, action, job, unit;
  json wish;  ///< null where the settings in the window hold
  int take = 0;
  double start = 0, end = 0;
};

/// Chords of the notes of question `ask`.
struct NamedChords {
  std::string ask;
  std::vector<NamedChord> chords;
};

struct State {
  int64_t beat = 0;
  std::vector<View> jobs;
  std::vector<Ask> asks;
  std::string trouble, refused, remote;
  std::string song;  ///< Its name, by the window of another track; empty where none says.
  std::optional<NamedChords> chords;

  const View* find(const std::string& job) const;
  bool is_asking(const std::string& ask) const;
};

/// Nothing where the text is no state of `host`, or has what no bridge says.
std::optional<State> read_state(const std::string& text, const std::string& host);

json span(Span span);
/// Text of a document; what is no UTF-8 in it is replaced.
std::string written(const json& document);
/// At most so many letters, for a document has room for no more.
std::string shortened(const std::string& text, size_t letters = 500);

}  // namespace punchin::link
