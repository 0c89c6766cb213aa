// What a project remembers of the plug-in: a document of JSON.
#pragma once

#include <filesystem>
#include <string>
#include <vector>

#include "edges.hpp"
#include "types.hpp"

namespace punchin {

/// A take's file. `path` is relative to the project's folder where that is known and holds it, else absolute.
struct TakeRef {
  std::string path;
  std::string hash;   ///< As `WavFile::hash`; empty where not known yet.
  std::string label;  ///< What a musician reads, like "Take 2"; may be empty.
};

/// Samples of the song, at the rate they were counted at. Kept so: hosts tell their rate late and change it, and there
/// and back again would be another sample.
struct Place {
  Span span;
  double rate = 48'000.0;

  Span at(double other) const;
};

/// A place of the song that was punched into, and its takes. `choice` is the take heard, from 1; 0 is the original.
struct Region {
  Place place;
  std::vector<TakeRef> takes;
  int choice = 1;
  Edges edges;  ///< Empty where they are not known.
};

/// `regions[active]` is the one whose take the parameter *Take* chooses. Where regions overlap, the later one is heard.
struct State {
  Place selection;
  std::vector<Region> regions;
  std::size_t active = 0;
  std::string project;          ///< The project's folder, absolute; empty where not known.
  std::string settings = "{}";  ///< What the link and the window keep: an object of JSON.
};

constexpr std::size_t kMostRegions = 256;
constexpr std::size_t kMostSettings = 65'536;

/// ASCII only: some formats carry state as 16-bit or 8-bit characters.
std::string encode(const State& state);
/// Throws Error for what is no state, and for a newer version's.
State decode(const std::string& text);

/// Where `take` is: at its path, at it under one of `folders`, or beside another take in one of them; empty where none
/// has it.
std::filesystem::path find(const TakeRef& take, const std::vector<std::filesystem::path>& folders);

}  // namespace punchin
