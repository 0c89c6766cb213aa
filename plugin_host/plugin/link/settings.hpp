// What a project remembers beside selection and takes: what stands in the window, and who the plug-in is.
#pragma once

#include <functional>
#include <map>
#include <string>
#include <vector>

#include "../core/engine.hpp"

namespace punchin::link {

/// What the musician wrote in the window. All of it may be empty.
struct Written {
  std::map<std::string, std::string> parameters;  ///< By name (punchin_wire/params.py), as they were written.
  std::string chords;                             ///< `Am7 | F G | C`, from the selection's first bar on.
  std::string name;                               ///< Of the track, by which others follow it: `Drums`.
  std::string colour;                             ///< `#rrggbb`
  std::string song;                               ///< Its name, after which the folder for takes is called.
  std::string folder;                             ///< Where takes belong instead.
  std::string feeds;  ///< Of *Punchin Chords*, what takes follow its notes as: `chord` (where empty), `piano`, or both.
};

/// What takes follow the notes as.
std::vector<std::string> feeds(const Written& written);

Written written(const Engine& engine);
/// [any] Change what is written; the link and the window may do so at once.
void write(Engine& engine, const std::function<void(Written&)>& change);

/// Which song this is, and which track of it: drawn once, kept with the project. Plug-ins that are added in one process
/// get one song.
struct Identity {
  std::string song;
  std::string track;
};
Identity identity(Engine& engine);

/// The files of the last jobs' takes, so that a take is found by its job.
void remember(Engine& engine, const std::string& job, const std::vector<std::string>& paths);
/// Empty where the job is not known.
std::vector<std::string> remembered(const Engine& engine, const std::string& job);

}  // namespace punchin::link
