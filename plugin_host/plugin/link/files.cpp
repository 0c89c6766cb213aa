#include "files.hpp"

#include <algorithm>
#include <fstream>

namespace punchin::link {

namespace fs = std::filesystem;

std::optional<std::string> read_file(const fs::path& path, size_t limit) {
  std::error_code problem;
  const auto size = fs::file_size(path, problem);
  if (problem || size > limit)
    return std::nullopt;
  std::ifstream file(path, std::ios::binary);
  std::string bytes(static_cast<size_t>(size), '\0');
  if (!file.read(bytes.data(), static_cast<std::streamsize>(bytes.size())))
    return std::nullopt;
  return bytes;
}

bool replace_file(const fs::path& path, std::string_view bytes) {
  fs::path draft = path;
  draft += ".part";
  std::error_code problem;
  {
    std::ofstream file(draft, std::ios::binary | std::ios::trunc);
    file.write(bytes.data(), static_cast<std::streamsize>(bytes.size()));
    file.close();
    if (file.fail()) {
      fs::remove(draft, problem);
      return false;
    }
  }
  fs::rename(draft, path, problem);
  if (!problem)
    return true;
  fs::remove(draft, problem);
  return false;
}

std::string to_text(const fs::path& path) { return path.u8string(); }

fs::path to_path(const std::string& text) { return fs::u8path(text); }

bool is_below(const fs::path& path, const fs::path& folder) {
  std::error_code problem;
  const fs::path whole = fs::weakly_canonical(path, problem);
  if (problem || folder.empty())
    return false;
  const fs::path root = fs::weakly_canonical(folder, problem);
  if (problem)
    return false;
  const auto [end, rest] = std::mismatch(root.begin(), root.end(), whole.begin(), whole.end());
  return end == root.end() && rest != whole.end();
}

}  // namespace punchin::link
