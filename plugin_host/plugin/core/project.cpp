#include "project.hpp"

#include <algorithm>
#include <cstdlib>
#include <iterator>
#include <map>
#include <system_error>

namespace punchin {
namespace {

namespace fs = std::filesystem;

constexpr std::size_t kMostFilesSearched = 100'000;
constexpr Sample kRounding = 2;  // samples by which a take at another rate may be longer than its region

/// `path` as it lies in `project`, with forward slashes; as it is where it does not.
std::string remembered(const std::string& path, const fs::path& project) {
  const fs::path whole = fs::u8path(path);
  if (project.empty() || whole.is_relative()) return path;
  const fs::path inside = whole.lexically_normal().lexically_relative(project.lexically_normal());
  return inside.empty() || *inside.begin() == ".." ? path : inside.generic_u8string();
}

void add_once(std::vector<fs::path>& folders, const fs::path& folder) {
  if (!folder.empty() && std::find(folders.begin(), folders.end(), folder) == folders.end()) folders.push_back(folder);
}

}  // namespace

void Project::add(Span span, const std::vector<TakeRef>& takes, Edges edges) {
  if (span.empty()) throw Error{"There is nothing between the start and the end of the selection. Select some bars."};
  auto& regions = state.regions;
  auto at = std::find_if(regions.begin(), regions.end(), [&](const Region& region) { return region.place.at(rate) == span; });
  if (at == regions.end()) {
    if (regions.size() == kMostRegions) throw Error{"There are too many punches on this track. Remove some."};
    at = regions.insert(regions.end(), Region{{span, rate}, {}, 1, {}});
  }
  if (at->takes.size() + takes.size() > kMostTakes) {
    throw Error{"There are too many takes of these bars. Remove the punch, or move its ends a little."};
  }
  at->choice = static_cast<int>(at->takes.size()) + 1;
  for (const TakeRef& take : takes) {
    at->takes.push_back({remembered(take.path, fs::u8path(state.project)), take.hash, take.label});
  }
  if (!edges.empty()) at->edges = std::move(edges);
  state.active = static_cast<std::size_t>(std::distance(regions.begin(), at));
}

void Project::remove(std::size_t region) {
  if (region >= state.regions.size()) return;
  state.regions.erase(state.regions.begin() + static_cast<std::ptrdiff_t>(region));
  if (state.active > 0 && state.active >= region) --state.active;
}

std::vector<fs::path> Project::folders() const {
  std::vector<fs::path> found;
  add_once(found, fs::u8path(state.project));
  for (const RegionView& region : view_.regions) {
    for (const TakeView& take : region.takes) add_once(found, take.found.parent_path());
  }
  return found;
}

void Project::find(const fs::path& folder) {
  std::map<std::string, std::vector<TakeRef*>> wanted;  // by the name of their file
  for (std::size_t i = 0; i < view_.regions.size(); ++i) {
    for (std::size_t k = 0; k < view_.regions[i].takes.size(); ++k) {
      TakeRef& take = state.regions[i].takes[k];
      if (!view_.regions[i].takes[k].problem.empty()) {
        wanted[fs::u8path(take.path).filename().u8string()].push_back(&take);
      }
    }
  }
  std::size_t seen = 0;
  std::error_code failed;
  const auto options = fs::directory_options::skip_permission_denied;
  for (fs::recursive_directory_iterator file{folder, options, failed}, end; !failed && file != end;
       file.increment(failed)) {
    if (++seen > kMostFilesSearched) break;
    const auto found = wanted.find(file->path().filename().u8string());
    if (found == wanted.end()) continue;
    for (TakeRef* take : found->second) take->path = remembered(file->path().u8string(), fs::u8path(state.project));
    wanted.erase(found);
  }
}

std::size_t Project::missed() const {
  std::size_t count = 0;
  for (const RegionView& region : view_.regions) {
    count += std::count_if(region.takes.begin(), region.takes.end(),
                           [](const TakeView& take) { return !take.problem.empty(); });
  }
  return count;
}

std::unique_ptr<Playlist> Project::playlist() {
  auto made = std::make_unique<Playlist>();
  const auto folders = this->folders();
  RegionsView view;
  view.active = made->active = state.active;
  for (std::size_t i = 0; i < state.regions.size(); ++i) {
    Region& region = state.regions[i];
    const Span span = region.place.at(rate);
    Placed placed{span, {}, region.edges.start.rate == rate ? region.edges : Edges{}, region.choice};
    RegionView shown{span, {}, region.choice};
    for (std::size_t k = 0; k < region.takes.size(); ++k) {
      TakeRef& take = region.takes[k];
      TakeView seen{take, punchin::find(take, folders), ""};
      const bool needed = i == state.active || static_cast<int>(k) + 1 == region.choice;
      placed.takes.push_back(needed ? read(take, seen, span.length()) : nullptr);
      seen.ref = take;
      shown.takes.push_back(std::move(seen));
    }
    made->regions.push_back(std::move(placed));
    view.regions.push_back(std::move(shown));
  }
  view_ = std::move(view);
  return made;
}

std::shared_ptr<const Audio> Project::read(TakeRef& take, TakeView& view, Sample length) {
  const std::string name = fs::u8path(take.path).filename().u8string();
  if (view.found.empty()) {
    view.problem = name + " is missing: put it back, or show Punchin the folder it is in.";
    return nullptr;
  }
  try {
    auto read = library_.read(view.found, rate);
    if (std::abs(read->audio.frames() - length) > kRounding) {
      view.problem = name + " is not as long as its bars: punch in again.";
      return nullptr;
    }
    if (take.hash.empty()) take.hash = read->hash;
    if (take.hash != read->hash) {
      view.problem = name + " is another file than the take was: show Punchin the folder the take is in.";
      return nullptr;
    }
    return {read, &read->audio};
  } catch (const Error& error) {
    view.problem = error.what();
    return nullptr;
  }
}

}  // namespace punchin
