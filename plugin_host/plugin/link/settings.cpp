#include "settings.hpp"

#include <mutex>
#include <nlohmann/json.hpp>

#include "names.hpp"
#include "process.hpp"

namespace punchin::link {

using nlohmann::json;

namespace {

constexpr std::size_t kMostJobs = 16;

std::string text(const json& from, const char* key) {
  const auto found = from.find(key);
  return found != from.end() && found->is_string() ? found->get<std::string>() : "";
}

json object(const json& from, const char* key) {
  const auto found = from.find(key);
  return found != from.end() && found->is_object() ? *found : json::object();
}

Written read(const json& settings) {
  Written found{{},
                text(settings, "chords"),
                text(settings, "name"),
                text(settings, "colour"),
                text(settings, "song_name"),
                text(settings, "folder"),
                text(settings, "feeds")};
  const json parameters = object(settings, "parameters");
  for (const auto& [name, value] : parameters.items())
    if (value.is_string()) found.parameters[name] = value.get<std::string>();
  return found;
}

void change(Engine& engine, const std::function<void(json&)>& how) {
  static std::mutex one_at_a_time;
  const std::lock_guard lock(one_at_a_time);
  json settings = engine.settings();
  if (!settings.is_object()) settings = json::object();
  how(settings);
  engine.set_settings(std::move(settings));
}

}  // namespace

std::vector<std::string> feeds(const Written& written) {
  std::vector<std::string> found;
  for (const char* control : {"chord", "piano"})
    if (written.feeds.find(control) != std::string::npos) found.emplace_back(control);
  return found.empty() ? std::vector<std::string>{"chord"} : found;
}

Written written(const Engine& engine) { return read(engine.settings()); }

void write(Engine& engine, const std::function<void(Written&)>& how) {
  change(engine, [&](json& settings) {
    Written found = read(settings);
    how(found);
    settings["parameters"] = found.parameters;
    settings["chords"] = found.chords;
    settings["name"] = found.name;
    settings["colour"] = found.colour;
    settings["song_name"] = found.song;
    settings["folder"] = found.folder;
    settings["feeds"] = found.feeds;
  });
}

Identity identity(Engine& engine) {
  const json settings = engine.settings();
  Identity found{text(settings, "song"), text(settings, "track")};
  if (!found.song.empty() && !found.track.empty()) return found;
  if (found.song.empty()) found.song = "song-" + this_process();
  if (found.track.empty()) found.track = drawn_name(12);
  change(engine, [&](json& kept) {
    kept["song"] = found.song;
    kept["track"] = found.track;
  });
  return found;
}

void remember(Engine& engine, const std::string& job, const std::vector<std::string>& paths) {
  change(engine, [&](json& settings) {
    json jobs = settings.contains("jobs") && settings["jobs"].is_array() ? settings["jobs"] : json::array();
    jobs.push_back({{"job", job}, {"paths", paths}});
    while (jobs.size() > kMostJobs) jobs.erase(jobs.begin());
    settings["jobs"] = std::move(jobs);
  });
}

std::vector<std::string> remembered(const Engine& engine, const std::string& job) {
  const json settings = engine.settings();
  const json jobs = settings.contains("jobs") && settings["jobs"].is_array() ? settings["jobs"] : json::array();
  std::vector<std::string> found;
  for (const json& each : jobs) {
    if (!each.is_object() || text(each, "job") != job || !each.contains("paths")) continue;
    for (const json& path : each["paths"])
      if (path.is_string()) found.push_back(path.get<std::string>());
  }
  return found;
}

}  // namespace punchin::link
