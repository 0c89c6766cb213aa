#include "installed.hpp"

#include "files.hpp"

#include <nlohmann/json.hpp>

namespace punchin::link {

namespace fs = std::filesystem;
using nlohmann::json;

namespace {

constexpr size_t kLongest = 1 << 16;
constexpr const char* kName = "punchin.json";

std::optional<json> read_object(const fs::path& path) {
  const auto text = read_file(path, kLongest);
  if (!text)
    return std::nullopt;
  json found = json::parse(*text, nullptr, false);
  return found.is_object() ? std::optional(std::move(found)) : std::nullopt;
}

std::optional<Installed> read(const fs::path& path) {
  const auto found = read_object(path);
  if (!found)
    return std::nullopt;
  try {
    Installed installed{
      to_path(found->at("spool").get<std::string>()),
      to_path(found->at("record").get<std::string>()),
      to_path(found->at("takes").get<std::string>()),
      found->at("command").get<std::vector<std::string>>(),
      found->at("page").get<std::vector<std::string>>(),
    };
    const bool is_whole = installed.spool.is_absolute() && installed.record.is_absolute()
      && installed.takes.is_absolute() && !installed.command.empty();
    return is_whole ? std::optional(std::move(installed)) : std::nullopt;
  } catch (const json::exception&) {
    return std::nullopt;
  }
}

}  // namespace

std::optional<Installed> find_installed(const fs::path& binary) {
  const fs::path beside = binary.parent_path(), bundle = beside.parent_path();
  for (const fs::path& folder : {beside, bundle / "Resources"})
    if (auto found = read(folder / kName))
      return found;
  return std::nullopt;
}

int find_port(const Installed& installed) {
  const auto record = read_object(installed.record);
  if (!record || !record->contains("osc_port") || !(*record)["osc_port"].is_number_integer())
    return 0;
  const auto port = (*record)["osc_port"].get<int64_t>();
  return port > 0 && port < 65536 ? static_cast<int>(port) : 0;
}

}  // namespace punchin::link
