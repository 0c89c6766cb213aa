#include "documents.hpp"

#include <algorithm>
#include <cmath>

namespace punchin::link {

namespace {

constexpr size_t kMostJobs = 1024, kMostTakes = 16, kMostAsks = 64, kMostChords = 16'384, kLongestText = 65536;
constexpr int64_t kFarthest = int64_t{1} << 40;  // sample of a project

// Whatever is not as it must be ends the reading.
struct Wrong {};

void must(bool is_so) {
  if (!is_so)
    throw Wrong();
}

const json& list(const json& from, const char* name, size_t most) {
  const json& found = from.at(name);
  must(found.is_array() && found.size() <= most);
  return found;
}

std::string text(const json& from, const char* name) {
  const auto found = from.at(name).get<std::string>();
  must(found.size() <= kLongestText);
  return found;
}

std::string text_or_none(const json& from, const char* name) { return from.contains(name) ? text(from, name) : ""; }

double number(const json& from, const char* name) {
  const json& found = from.at(name);
  must(found.is_number() && std::isfinite(found.get<double>()));
  return found.get<double>();
}

int64_t whole(const json& from, const char* name, int64_t least, int64_t most) {
  const json& found = from.at(name);
  must(found.is_number_integer());
  const auto value = found.get<int64_t>();
  must(value >= least && value <= most);
  return value;
}

Span read_span(const json& from) {
  const Span found{whole(from, "start", -kFarthest, kFarthest), whole(from, "end", -kFarthest, kFarthest)};
  must(!found.empty());
  return found;
}

std::vector<NamedChord> read_chords(const json& from, const char* name) {
  std::vector<NamedChord> chords;
  for (const json& chord : list(from, name, kMostChords))
    chords.push_back({read_span(chord), text(chord, "name"),
                      chord.contains("sure") ? std::clamp(number(chord, "sure"), 0.0, 1.0) : 1.0});
  return chords;
}

View read_view(const json& from) {
  View view;
  view.job = text(from, "job");
  view.phase = text(from, "phase");
  view.line = text(from, "line");
  view.next_step = text(from, "next_step");
  view.track = text(from, "track");
  view.guard = text(from, "guard");
  view.fraction = std::clamp(number(from, "fraction"), 0.0, 1.0);
  view.region = read_span(from.at("region"));
  if (from.contains("heard")) view.heard = read_chords(from, "heard");
  for (const json& take : list(from, "takes", kMostTakes)) {
    const Span place = read_span(take);
    must(place.start == view.region.start && place.end == view.region.end);
    view.takes.push_back({text(take, "path"), text(take, "name")});
  }
  return view;
}

Ask read_ask(const json& from) {
  Ask ask;
  ask.ask = text(from, "ask");
  ask.action = text(from, "action");
  ask.job = text_or_none(from, "job");
  ask.unit = text_or_none(from, "unit");
  ask.wish = from.contains("wish") ? from.at("wish") : json();
  ask.take = from.contains("take") ? static_cast<int>(whole(from, "take", 0, 1000)) : 0;
  ask.start = from.contains("start") ? number(from, "start") : 0;
  ask.end = from.contains("end") ? number(from, "end") : 0;
  return ask;
}

}  // namespace

const View* State::find(const std::string& job) const {
  const auto found = std::find_if(jobs.begin(), jobs.end(), [&](const View& view) { return view.job == job; });
  return found == jobs.end() ? nullptr : &*found;
}

bool State::is_asking(const std::string& ask) const {
  return std::any_of(asks.begin(), asks.end(), [&](const Ask& each) { return each.ask == ask; });
}

std::optional<State> read_state(const std::string& said, const std::string& host) {
  try {
    const json from = json::parse(said);
    must(text(from, "type") == "state" && text(from, "host") == host);
    State state;
    state.beat = whole(from, "beat", INT64_MIN, INT64_MAX);
    state.trouble = text(from, "trouble");
    state.refused = text(from, "refused");
    state.remote = text_or_none(from, "remote");
    state.song = text_or_none(from, "song");
    if (from.contains("chords") && !from.at("chords").is_null()) {
      const json& named = from.at("chords");
      state.chords = NamedChords{text(named, "ask"), read_chords(named, "chords")};
    }
    for (const json& view : list(from, "jobs", kMostJobs))
      state.jobs.push_back(read_view(view));
    for (const json& ask : list(from, "asks", kMostAsks))
      state.asks.push_back(read_ask(ask));
    return state;
  } catch (const json::exception&) {
    return std::nullopt;
  } catch (const Wrong&) {
    return std::nullopt;
  }
}

json span(Span span) { return {{"start", span.start}, {"end", span.end}}; }

std::string written(const json& document) { return document.dump(-1, ' ', false, json::error_handler_t::replace); }

std::string shortened(const std::string& text, size_t letters) {
  size_t end = 0;
  for (size_t count = 0; end < text.size(); ++end) {
    const bool begins_letter = (static_cast<unsigned char>(text[end]) & 0xC0) != 0x80;
    if (begins_letter && count++ == letters)
      break;
  }
  return text.substr(0, end);
}

}  // namespace punchin::link
