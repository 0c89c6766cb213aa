// Files as the bridge and we hand them over: read whole, written whole or not at all. Knows no documents.
#pragma once

#include <filesystem>
#include <optional>
#include <string>
#include <string_view>

namespace punchin::link {

// All of a file; nothing where it is not there or longer than `limit` bytes.
std::optional<std::string> read_file(const std::filesystem::path& path, size_t limit);

// Write beside and rename, so that nobody reads half of it. False where that cannot be; then nothing is left of it.
bool replace_file(const std::filesystem::path& path, std::string_view bytes);

// A path as text of the documents, which are UTF-8 on all systems, and back.
std::string to_text(const std::filesystem::path& path);
std::filesystem::path to_path(const std::string& text);

// Whether `path` lies below `folder`, whatever `..` and links are in between.
bool is_below(const std::filesystem::path& path, const std::filesystem::path& folder);

}  // namespace punchin::link
