// Selection, regions and takes: what a project remembers, and what of it can be heard.
#pragma once

#include <filesystem>
#include <memory>
#include <string>
#include <vector>

#include "library.hpp"
#include "player.hpp"
#include "state.hpp"

namespace punchin {

/// What is shown of a take.
struct TakeView {
  TakeRef ref;
  std::filesystem::path found;  ///< Where its file is; empty: missing, and the original is heard.
  std::string problem;          ///< One sentence that says why it cannot be heard and what to do, else empty.
};

struct RegionView {
  Span span;
  std::vector<TakeView> takes;
  int choice = 0;  ///< From 1; 0 is the original.
};

struct RegionsView {
  std::vector<RegionView> regions;
  std::size_t active = 0;
};

/// [any, one at a time] Of the active region all takes are held in memory, of the others the chosen one.
class Project {
 public:
  explicit Project(Library& library) : library_{library} {}

  State state;
  double rate = 48'000.0;  ///< The host's: what spans are counted at here.

  /// As `Engine::add_takes`; `edges` are those of `span` as it was heard, empty where it was not.
  void add(Span span, const std::vector<TakeRef>& takes, Edges edges);
  void remove(std::size_t region);
  /// Takes that cannot be heard are looked for by name in `folder` and below; `playlist` sees whether they are the same.
  void find(const std::filesystem::path& folder);
  /// How many takes cannot be heard.
  std::size_t missed() const;
  /// Where files are looked for that are not at their own path.
  std::vector<std::filesystem::path> folders() const;

  /// Reads what is to be heard, and sees what cannot be. Hashes that were not known are noted.
  std::unique_ptr<Playlist> playlist();
  /// As of the last playlist.
  const RegionsView& view() const { return view_; }

 private:
  std::shared_ptr<const Audio> read(TakeRef& take, TakeView& view, Sample length);

  Library& library_;
  RegionsView view_;
};

}  // namespace punchin
