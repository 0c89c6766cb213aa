#include "state.hpp"

#include <cmath>

namespace punchin {
namespace {

namespace fs = std::filesystem;
using nlohmann::json;

constexpr int kVersion = 1;

json encoded(const Span& span) { return json::array({span.start, span.end}); }

Span decoded_span(const json& value) {
  const Span span{value.at(0).get<Sample>(), value.at(1).get<Sample>()};
  if (span.end < span.start) throw Error{"a span ends before it begins"};
  return span;
}

json encoded(const TakeRef& take) { return {{"path", take.path}, {"hash", take.hash}, {"label", take.label}}; }

TakeRef decoded_take(const json& value) {
  return {value.at("path").get<std::string>(), value.value("hash", ""), value.value("label", "")};
}

json encoded(const Region& region) {
  json takes = json::array();
  for (const TakeRef& take : region.takes) takes.push_back(encoded(take));
  return {{"span", encoded(region.span)}, {"takes", takes}, {"choice", region.choice}};
}

Region decoded_region(const json& value) {
  Region region{decoded_span(value.at("span")), {}, value.at("choice").get<int>()};
  for (const json& take : value.at("takes")) region.takes.push_back(decoded_take(take));
  if (region.takes.size() > kMostTakes) throw Error{"a region has too many takes"};
  return region;
}

State decoded_state(const json& value) {
  if (value.at("version").get<int>() > kVersion) throw Error{"it is of a newer Punchin: install that one"};
  State state;
  state.rate = value.at("rate").get<double>();
  if (!(state.rate >= 1000.0 && state.rate <= 1e6)) throw Error{"its rate cannot be"};
  state.selection = decoded_span(value.at("selection"));
  state.active = value.at("active").get<std::size_t>();
  state.project = value.value("project", "");
  state.settings = value.value("settings", json::object());
  for (const json& region : value.at("regions")) state.regions.push_back(decoded_region(region));
  if (state.regions.size() > kMostRegions || !state.settings.is_object()) throw Error{"it is no state of Punchin's"};
  if (state.active >= state.regions.size()) state.active = 0;
  return state;
}

}  // namespace

State State::at_rate(double other) const {
  State moved = *this;
  moved.rate = other;
  if (rate == other || rate <= 0.0) return moved;
  const auto convert = [&](Span& span) {
    const auto to = [&](Sample at) { return static_cast<Sample>(std::llround(static_cast<double>(at) * other / rate)); };
    span = {to(span.start), to(span.end)};
  };
  convert(moved.selection);
  for (Region& region : moved.regions) convert(region.span);
  return moved;
}

std::string encode(const State& state) {
  json regions = json::array();
  for (const Region& region : state.regions) regions.push_back(encoded(region));
  const json value{{"version", kVersion},
                   {"rate", state.rate},
                   {"selection", encoded(state.selection)},
                   {"active", state.active},
                   {"project", state.project},
                   {"settings", state.settings},
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
