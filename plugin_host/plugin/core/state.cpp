#include "state.hpp"

#include <algorithm>
#include <cmath>
#include <nlohmann/json.hpp>

namespace punchin {
namespace {

namespace fs = std::filesystem;
using nlohmann::json;

constexpr int kVersion = 1;
constexpr std::size_t kMostEdge = 8192;  // samples

json encoded(const Place& place) {
  return {{"start", place.span.start}, {"end", place.span.end}, {"rate", place.rate}};
}

Place decoded_place(const json& value) {
  const Place place{{value.at("start").get<Sample>(), value.at("end").get<Sample>()}, value.at("rate").get<double>()};
  if (place.span.end < place.span.start) throw Error{"a place ends before it begins"};
  if (!(place.rate >= 1000.0 && place.rate <= 1e6)) throw Error{"a rate cannot be"};
  return place;
}

json encoded(const TakeRef& take) { return {{"path", take.path}, {"hash", take.hash}, {"label", take.label}}; }

TakeRef decoded_take(const json& value) {
  return {value.at("path").get<std::string>(), value.value("hash", ""), value.value("label", "")};
}

json encoded(const Edges& edges) {
  return {{"rate", edges.start.rate}, {"start", edges.start.channels}, {"end", edges.end.channels}};
}

Edges decoded_edges(const json& value) {
  const double rate = value.at("rate").get<double>();
  using Channels = std::vector<std::vector<float>>;
  Edges edges{{rate, value.at("start").get<Channels>()}, {rate, value.at("end").get<Channels>()}};
  const auto size = static_cast<std::size_t>(edges.start.frames());
  for (const Audio* edge : {&edges.start, &edges.end}) {
    if (edge->channels.empty() || edge->channels.size() > kChannels) throw Error{"an edge has too many channels"};
    for (const auto& channel : edge->channels) {
      const bool numbers = std::all_of(channel.begin(), channel.end(), [](float sample) { return std::isfinite(sample); });
      if (channel.size() != size || size > kMostEdge || !numbers) throw Error{"an edge is none"};
    }
  }
  return edges;
}

json encoded(const Region& region) {
  json takes = json::array();
  for (const TakeRef& take : region.takes) takes.push_back(encoded(take));
  json value{{"place", encoded(region.place)}, {"takes", takes}, {"choice", region.choice}};
  if (!region.edges.empty()) value["edges"] = encoded(region.edges);
  return value;
}

Region decoded_region(const json& value) {
  Region region{decoded_place(value.at("place")), {}, value.at("choice").get<int>(), {}};
  if (value.contains("edges")) region.edges = decoded_edges(value.at("edges"));
  for (const json& take : value.at("takes")) region.takes.push_back(decoded_take(take));
  if (region.takes.size() > kMostTakes) throw Error{"a region has too many takes"};
  return region;
}

State decoded_state(const json& value) {
  if (value.at("version").get<int>() > kVersion) throw Error{"it is of a newer Punchin: install that one"};
  State state;
  state.selection = decoded_place(value.at("selection"));
  state.active = value.at("active").get<std::size_t>();
  state.project = value.value("project", "");
  const json settings = value.value("settings", json::object());
  if (!settings.is_object()) throw Error{"its settings are none"};
  state.settings = settings.dump();
  for (const json& region : value.at("regions")) state.regions.push_back(decoded_region(region));
  if (state.regions.size() > kMostRegions) throw Error{"it is no state of Punchin's"};
  if (state.active >= state.regions.size()) state.active = 0;
  return state;
}

}  // namespace

Span Place::at(double other) const {
  if (rate == other) return span;
  const auto to = [&](Sample at) { return static_cast<Sample>(std::llround(static_cast<double>(at) * other / rate)); };
  return {to(span.start), to(span.end)};
}

std::string encode(const State& state) {
  json regions = json::array();
  for (const Region& region : state.regions) regions.push_back(encoded(region));
  const json value{{"version", kVersion},
                   {"selection", encoded(state.selection)},
                   {"active", state.active},
                   {"project", state.project},
                   {"settings", json::parse(state.settings)},
                   {"regions", regions}};
  return value.dump(-1, ' ', true, json::error_handler_t::replace);
}

State decode(const std::string& text) {
  try {
    return decoded_state(json::parse(text));
  } catch (const std::exception& error) {
    throw Error{std::string{"What the project remembers of Punchin cannot be read: "} + error.what() + "."};
  }
}

fs::path find(const TakeRef& take, const std::vector<fs::path>& folders) {
  const fs::path path = fs::u8path(take.path);
  std::vector<fs::path> places;
  if (path.is_absolute()) places.push_back(path);
  for (const fs::path& folder : folders) {
    if (path.is_relative()) places.push_back(folder / path);
    places.push_back(folder / path.filename());
  }
  std::error_code failed;
  for (const fs::path& place : places) {
    if (fs::is_regular_file(place, failed)) return place;
  }
  return {};
}

}  // namespace punchin
