#include "folder.hpp"

namespace punchin::view {

std::vector<std::string> shown_in_folder(const std::filesystem::path& file) {
#if defined(_WIN32)
  return {"explorer.exe", "/select," + file.u8string()};
#elif defined(__APPLE__)
  return {"/usr/bin/open", "-R", file.u8string()};
#else
  return {"xdg-open", file.parent_path().u8string()};
#endif
}

}  // namespace punchin::view
