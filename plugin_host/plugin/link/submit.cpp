#include "submit.hpp"

#include <algorithm>
#include <cmath>

#include "../core/wav.hpp"
#include "files.hpp"
#include "names.hpp"
#include "score.hpp"
#include "settings.hpp"
#include "timeline.hpp"

namespace punchin::link {

namespace fs = std::filesystem;

namespace {

constexpr double kWindow = 30.0;  // seconds that the model hears at once
constexpr std::size_t kLongestName = 80;
constexpr std::size_t kMostNotes = 16'384;
constexpr const char* kPlayFirst = "Play these bars once, so that Punchin has heard them.";

/// The samples around the region that are of use: a window of the model with the region in its middle, or at least a
/// quarter of one on each side, as far as it was played in one go; a transfer hears the region alone.
Span around(const Request& request, Span heard, double rate) {
  if (request.is_transfer) return request.region;
  const Sample window = std::llround(kWindow * rate);
  const Sample side = std::max(window / 4, (window - request.region.length()) / 2);
  return overlap({request.region.start - side, request.region.end + side}, heard);
}

/// The stretch that holds all of `region`, or an empty one.
Span stretch_around(const Engine& engine, Span region) {
  for (const Span& each : engine.heard(engine.extent()))
    if (each.start <= region.start && region.end <= each.end) return each;
  return {};
}

/// A name as a folder on any system; empty where nothing of it can be.
std::string folder_name(const std::string& name) {
  std::string found;
  for (const char letter : name) {
    const bool is_odd = std::string{"<>:\"/\\|?*"}.find(letter) != std::string::npos;
    found += is_odd || (letter >= 0 && letter < ' ') ? '-' : letter;
  }
  found = shortened(found, kLongestName);
  while (!found.empty() && (found.back() == '.' || found.back() == ' ')) found.pop_back();
  return !found.empty() && found.front() == '.' ? "" : found;
}

std::string target(const Written& written) {
  const auto found = written.parameters.find("to");
  return found == written.parameters.end() ? "" : found->second;
}

json wish_of(const Request& request, const Written& written) {
  if (!request.wish.is_null()) return request.wish;
  if (request.is_transfer) return {{"engine", "transfer"}, {"to", target(written)}};
  return {{"engine", "inpaint"}};
}

std::string song_of(const Written& written, const Desk& desk) {
  return written.song.empty() ? desk.song : written.song;
}

json project(Engine& engine, const Written& written, const Desk& desk) {
  return {{"id", identity(engine).song}, {"name", shortened(song_of(written, desk))}};
}

json track(Engine& engine, const Written& written, const fs::path& path, Sample start) {
  const json audio{{"as", "rendered"}, {"path", to_text(path)}, {"start", start}};
  const std::string name = written.name.empty() ? "Track" : shortened(written.name);
  return {{"id", identity(engine).track}, {"name", name}, {"audio", audio}, {"channels", engine.channels()}};
}

/// Empty, or why it could not be written.
std::string write_stem(const fs::path& path, const Recording& heard) {
  std::error_code problem;
  fs::create_directories(path.parent_path(), problem);  // the bridge makes it, too, once it knows us
  try {
    write_wav(path, heard.audio, heard.start);
  } catch (const Error& error) {
    return error.what();
  }
  return "";
}

/// Why takes cannot go where the musician wrote; empty where they can.
std::string problem_of_folder(const Written& written, const Desk& desk) {
  if (written.folder.empty() || to_path(written.folder).is_absolute()) return "";
  const std::string whole = to_text(desk.takes / to_path(written.folder).filename());
  return "The folder for takes is no whole path: write one like " + whole + " under Song and track, or empty it.";
}

std::string refusal(const Engine& engine, const Request& request, const Written& written, const Desk& desk) {
  if (request.region.empty()) return "Select some bars first.";
  if (std::string problem = problem_of_folder(written, desk); !problem.empty()) return problem;
  if (request.is_transfer && request.wish.is_null() && target(written).empty())
    return "Say what it should become: an instrument, or a whole sentence.";
  return stretch_around(engine, request.region).empty() ? kPlayFirst : "";
}

/// What the musician wrote for an inpaint; what a surface says of takes stands in place of the window's parameters.
void add_conditions(json& made, const Written& written) {
  made["chord_line"] = written.chords;
  made["follow"] = {"drums", "piano"};
  if (written.chords.find_first_not_of(" |") == std::string::npos) made["follow"].push_back("chord");
}

}  // namespace

Sample sample_at(double seconds, double rate) { return std::llround(std::clamp(seconds, -1e7, 1e7) * rate); }

std::string name_of(const Who& who, const Written& written) {
  return written.name.empty() && who.hears_notes ? "Chords" : shortened(written.name);
}

Made submit(Engine& engine, const Request& request, const std::string& job, const Desk& desk) {
  const Written written = link::written(engine);
  const std::string why = refusal(engine, request, written, desk);
  if (!why.empty()) return {nullptr, why};
  const Span context = around(request, stretch_around(engine, request.region), engine.rate());
  const fs::path path = desk.audio / (job + "-target.wav");
  const std::string problem = write_stem(path, engine.snapshot(context));
  if (!problem.empty()) return {nullptr, problem};
  json made{{"project", project(engine, written, desk)},
            {"job", job},
            {"timeline", timeline(beats(engine.tempos(context)), engine.rate())},
            {"region", span(request.region)},
            {"target", track(engine, written, path, context.start)},
            {"wish", wish_of(request, written)},
            {"folder", to_text(folder(engine, desk))},
            {"guard", guard(engine, request.region)}};
  if (request.wish.is_null() && !written.parameters.empty()) made["said"] = written.parameters;
  if (!request.is_transfer) add_conditions(made, written);
  return {std::move(made), ""};
}

fs::path folder(Engine& engine, const Desk& desk) {
  const Written written = link::written(engine);
  const fs::path named = to_path(written.folder);
  if (named.is_absolute()) return named;
  const std::string name = folder_name(song_of(written, desk));
  return desk.takes / to_path(name.empty() ? "Untitled song" : name);
}

// --- for others -------------------------------------------------------------------------------------------------------

namespace {

/// The notes and pedals of `wanted`, which `counted` counts.
void write_notes(json& made, const Engine& engine, Span wanted, const std::vector<Beat>& counted) {
  const std::vector<Note> heard = engine.notes(wanted);
  made["notes"] = json::array();
  made["pedals"] = json::array();
  if (counted.empty()) return;
  const Sample end = std::min(wanted.end, engine.extent().end);
  for (const Key& key : keys(heard, counted, engine.rate(), end))
    if (made["notes"].size() < kMostNotes)
      made["notes"].push_back({{"start", key.start},
                               {"end", key.end},
                               {"pitch", key.pitch},
                               {"velocity", key.velocity},
                               {"channel", key.channel}});
  for (const PedalMove& move : pedals(heard, counted, engine.rate()))
    if (made["pedals"].size() < kMostNotes)
      made["pedals"].push_back(
          {{"quarter", move.quarter}, {"pedal", move.pedal}, {"value", move.value}, {"channel", move.channel}});
}

void add_notes(json& made, const Engine& engine, Span wanted, const std::string& name) {
  write_notes(made, engine, wanted, beats(engine.tempos(wanted)));
  if (made["notes"].empty()) made["error"] = name + " has heard no notes there: play the song once.";
}

void add_audio(json& made, const Engine& engine, Span wanted, const fs::path& path, const std::string& name) {
  const std::vector<Span> heard = engine.heard(wanted);
  if (heard.empty()) {
    made["error"] = name + " was not played there: play the song once.";
    return;
  }
  const Span part{heard.front().start, heard.back().end};  // silence where nothing was heard
  const std::string problem = write_stem(path, engine.snapshot(part));
  if (problem.empty())
    made["audio"] = {{"as", "rendered"}, {"path", to_text(path)}, {"start", part.start}};
  else
    made["error"] = shortened(problem);
}

}  // namespace

json stem(Engine& engine, const Who& who, const std::string& ask, double start, double end, const Desk& desk) {
  const std::string own = name_of(who, written(engine));
  const std::string name = own.empty() ? "That track" : own;
  const Span wanted{sample_at(start, engine.rate()), sample_at(end, engine.rate())};
  json made{{"ask", ask}};
  if (who.hears_notes)
    add_notes(made, engine, wanted, name);
  else
    add_audio(made, engine, wanted, desk.audio / (drawn_name(12) + "-stem.wav"), name);
  return made;
}

json chords_of(const Engine& engine) {
  const Span all = engine.extent();
  const std::vector<Beat> counted = beats(engine.tempos(all));
  json made{{"timeline", timeline(counted, engine.rate())}};
  write_notes(made, engine, all, counted);
  return made;
}

// --- the guard --------------------------------------------------------------------------------------------------------

namespace {

std::string clock_of(const Engine& engine, Span region) {
  return clock(beats(engine.tempos(region)), region, engine.rate());
}

json read_guard(const std::string& guard) {
  json found = json::parse(guard, nullptr, false);
  const bool is_ours = found.is_object() && found.contains("rate") && found["rate"].is_number()
      && found.contains("clock") && found["clock"].is_string();
  return is_ours ? found : json{{"rate", 0.0}, {"clock", ""}};
}

}  // namespace

std::string guard(const Engine& engine, Span region) {
  return json{{"rate", engine.rate()}, {"clock", clock_of(engine, region)}}.dump();
}

double rate_of(const std::string& guard) { return read_guard(guard)["rate"].get<double>(); }

bool is_unchanged(const Engine& engine, Span region, const std::string& guard) {
  const json before = read_guard(guard);
  const double scale = engine.rate() / before["rate"].get<double>();
  if (!(scale > 1e-3 && scale < 1e3)) return false;
  const auto scaled = [&](Sample at) { return static_cast<Sample>(std::llround(static_cast<double>(at) * scale)); };
  return clock_of(engine, {scaled(region.start), scaled(region.end)}) == before["clock"].get<std::string>();
}

}  // namespace punchin::link
