// What the transport said while the song was played, as the tempo map that documents have (`Timeline`). Pure.
#pragma once

#include <nlohmann/json.hpp>
#include <string>
#include <vector>

#include "score.hpp"

namespace punchin::link {

/// Where the tempo changes, quarters and samples stay together at every beat; before the first and after the last it goes
/// on as there. Without beats nobody knows the tempo, and the map is free.
nlohmann::json timeline(const std::vector<Beat>& beats, double rate);

/// What must still hold of a region when takes of it come back: between which quarters it lies, and in which time
/// signature, as text.
std::string clock(const std::vector<Beat>& beats, Span region, double rate);

}  // namespace punchin::link
