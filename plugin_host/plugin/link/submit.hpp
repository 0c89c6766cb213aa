// A `Submit` document of what the musician wants, with the track around it written down, and the stem of a track for
// others. Writes into the host's own folder of the spool.
#pragma once

#include <filesystem>
#include <string>

#include "../core/engine.hpp"
#include "documents.hpp"
#include "settings.hpp"

namespace punchin::link {

/// What is always known of a plug-in.
struct Who {
  std::string program;       ///< The host.
  bool hears_notes = false;  ///< *Punchin Chords*: it is there to be followed, and makes no takes.
};

/// Where things go: the host's own folder of the spool, and the folder in which each song has one for takes.
struct Desk {
  std::filesystem::path audio;
  std::filesystem::path takes;
  std::string song;  ///< What other windows call the song: it counts where this one does not say.
};

/// What the musician wants takes of, as it stood in the window. `wish` is what a control surface says of them; null
/// where the window holds.
struct Request {
  Span region;
  bool is_transfer = false;
  json wish;
};

/// A document, or why there is none, in a sentence.
struct Made {
  json document;
  std::string why;
};

/// The song's sample at `seconds`, the nearest one.
Sample sample_at(double seconds, double rate);

/// What the track is called, for others that follow it.
std::string name_of(const Who& who, const Written& written);

Made submit(Engine& engine, const Request& request, const std::string& job, const Desk& desk);
/// Where takes are written.
std::filesystem::path folder(Engine& engine, const Desk& desk);

/// What was played over seconds `[start, end)` of the song, as the document `stem`; it says why where there is nothing.
json stem(Engine& engine, const Who& who, const std::string& ask, double start, double end, const Desk& desk);

/// The question which chords all notes are that were heard, without its name.
json chords_of(const Engine& engine);

/// What must still hold of a region when takes come back, and the rate its samples were counted at (0: nobody knows).
std::string guard(const Engine& engine, Span region);
double rate_of(const std::string& guard);
/// Whether it still holds, as far as the song was played since; the device's rate may be another one now.
bool is_unchanged(const Engine& engine, Span region, const std::string& guard);

}  // namespace punchin::link
