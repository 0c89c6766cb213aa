// A file where the system's file manager shows it.
#pragma once

#include <filesystem>
#include <string>
#include <vector>

namespace punchin::view {

// The command that opens the folder of `file`, with the file selected where the system can.
std::vector<std::string> shown_in_folder(const std::filesystem::path& file);

}  // namespace punchin::view
