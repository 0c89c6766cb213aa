// What a project remembers of the plug-in: a document of JSON.
#pragma once

#include <filesystem>
#include <nlohmann/json.hpp>
#include <string>
#include <vector>

#include "types.hpp"

namespace punchin {

/// A take's file. `path` is relative to the project's folder where that is known and holds it, else absolute.
struct TakeRef {
  std::string path;
  std::string hash;   ///< As `WavFile::hash`; empty where not known yet.
  std::string label;  ///< What a musician reads, like "Take 2"; may be empty.
};

/// A place of the song that was punched into, and its takes. `choice` is the take heard, from 1; 0 is the original.
struct Region {
  Span span;
  std::vector<TakeRef> takes;
  int choice = 1;
};

/// `rate` is that of all samples in it. `regions[active]` is the one whose take the parameter *Take* chooses.
/// Where regions overlap, the later one is heard.
struct State {
  double rate = 0.0;
  Span selection;
  std::vector<Region> regions;
  std::size_t active = 0;
  std::string project;                               ///< The project's folder, absolute; empty where not known.
  nlohmann::json settings = nlohmann::json::object();  ///< What the link and the window keep; at most 64 KiB.

  /// Its samples at another rate.
  State at_rate(double other) const;
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
