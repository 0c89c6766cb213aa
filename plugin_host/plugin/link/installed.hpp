// What `punchin host install plugin` left beside the plug-in: where the bridge is found, and how it is started.
#pragma once

#include <filesystem>
#include <optional>
#include <string>
#include <vector>

namespace punchin::link {

struct Installed {
  std::filesystem::path spool;  // where documents are handed over
  std::filesystem::path record;  // the file in which the bridge says its port
  std::filesystem::path takes;  // the folder in which each song has one for its takes
  std::vector<std::string> command;  // starts the bridge
  std::vector<std::string> page;  // opens the page
};

// What belongs to the plug-in whose program is the file `binary`: `punchin.json` beside it, or in the `Resources` of its
// bundle. Nothing where there is none that can be read.
std::optional<Installed> find_installed(const std::filesystem::path& binary);

// Where the bridge that runs listens, as its record says; 0 where there is none.
int find_port(const Installed& installed);

}  // namespace punchin::link
