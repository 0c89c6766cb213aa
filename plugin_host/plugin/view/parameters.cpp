#include "parameters.hpp"

#include <algorithm>
#include <cmath>
#include <cstdio>
#include <cstdlib>
#include <stdexcept>

namespace punchin::view {

namespace {

constexpr double kMostPlaces = 4096;  // of whole numbers that a hand finds on a fader

// clang-format off
const std::vector<Parameter> kTable = {
    // The lines between these comments are made by scripts/update_docs.py. generated: params
    {"takes", "How many takes are made.", true, true, Kind::whole, "1", "", 1, 16, 1, 16, false, 0, {}, {}},
    {"seed", "Seed of the first take; the next takes have the next seeds.", true, true, Kind::whole, "-1", "drawn", 0, 9007199254740992, -1, 2147483647, false, 0, {}, {}},
    {"pack", "Model pack.", true, true, Kind::text, "tiny", "", 0, 0, 0, 0, false, 64, {}, {}},
    {"text", "What new takes should sound like, for packs that read text.", true, false, Kind::text, "", "", 0, 0, 0, 0, false, 500, {}, {}},
    {"temperature", "How daring new takes are.", true, false, Kind::number, "1", "the pack's", 0, 10, 0.1, 2, true, 0, {}, {}},
    {"top_k", "How many tokens may follow one another: fewer are safer, 0 is no limit.", true, false, Kind::whole, "250", "the pack's", 0, 65536, 1, 2048, true, 0, {}, {}},
    {"text_guidance", "How strictly the text is followed (CFG scale); 1 is without guidance.", true, false, Kind::number, "3", "the pack's", 0, 30, 0, 10, false, 0, {}, {}},
    {"control_guidance", "How strictly chords, drums and piano are followed (CFG scale); 1 is without guidance.", true, false, Kind::number, "1", "the pack's", 0, 30, 0, 5, false, 0, {}, {}},
    {"chord", "How much takes follow the chords; 0 is not at all.", true, false, Kind::number, "1", "", 0, 4, 0, 2, false, 0, {}, {}},
    {"drums", "How much takes follow the drums; 0 is not at all.", true, false, Kind::number, "1", "", 0, 4, 0, 2, false, 0, {}, {}},
    {"piano", "How much takes follow the piano part; 0 is not at all.", true, false, Kind::number, "1", "", 0, 4, 0, 2, false, 0, {}, {}},
    {"chords_from", "Where chords come from that nobody gives: auto reads them by ear in the audio.", true, false, Kind::choice, "given", "", 0, 0, 0, 0, false, 0, {"given", "auto"}, {}},
    {"piano_from", "Where the notes of a piano part come from that nobody gives: auto reads them by ear in the audio.", true, false, Kind::choice, "given", "", 0, 0, 0, 0, false, 0, {"given", "auto"}, {}},
    {"chord_rhythm", "How chords fall on beats: clean, or compat as the published adapters were trained.", true, false, Kind::choice, "pack", "the pack's", 0, 0, 0, 0, false, 0, {"pack", "clean", "compat"}, {}},
    {"to", "What the clip becomes: violin, or a whole sentence.", false, true, Kind::text, "", "", 0, 0, 0, 0, false, 500, {}, {}},
    {"source", "What plays in the clip now: piano.", false, true, Kind::text, "", "", 0, 0, 0, 0, false, 500, {}, {}},
    {"negative", "What takes keep away from.", false, true, Kind::text, "", "the task's", 0, 0, 0, 0, false, 500, {}, {}},
    {"task", "What kind of transfer.", false, true, Kind::choice, "timbre", "", 0, 0, 0, 0, false, 0, {"timbre", "genre", "accompaniment"}, {}},
    {"pooling_time", "ω in time: how loosely the clip's rhythm is kept.", false, true, Kind::choice, "2", "the task's", 0, 0, 0, 0, false, 0, {"1", "2", "4", "8"}, {"adapter"}},
    {"pooling_frequency", "ω in frequency: how loosely the clip's pitch is kept.", false, true, Kind::choice, "2", "the task's", 0, 0, 0, 0, false, 0, {"1", "2", "4", "8"}, {"adapter"}},
    {"alpha", "α: the weight of the clip.", false, true, Kind::number, "0.5", "the task's", 0, 4, 0, 1, false, 0, {}, {"adapter"}},
    {"guidance", "λ: the weight of the texts (CFG scale); 1 and below go without the negative text.", false, true, Kind::number, "7.5", "the task's", 0, 30, 1, 15, false, 0, {}, {}},
    {"scheduler", "The solver that takes the noise away.", false, true, Kind::choice, "pack", "the pack's", 0, 0, 0, 0, false, 0, {"pack", "ddim", "dpm++", "unipc"}, {}},
    {"steps", "Steps of the solver.", false, true, Kind::whole, "0", "the pack's", 1, 1000, 0, 200, false, 0, {}, {}},
    {"method", "Whether the adapter hears the clip, or sdedit starts from it, the paper's baseline.", false, true, Kind::choice, "adapter", "", 0, 0, 0, 0, false, 0, {"adapter", "sdedit"}, {}},
    {"strength", "The share of noise that sdedit starts from.", false, true, Kind::number, "0.55", "", 0, 1, 0.05, 1, false, 0, {}, {"sdedit"}},
    {"hold", "Structure lock: how firmly takes hold the clip's notes and timing; 0 starts from noise alone.", false, true, Kind::number, "0", "the pack's", 0, 1, 0, 1, false, 0, {}, {"adapter"}},
    // end: params
};
// clang-format on

double number(std::string_view text) { return std::strtod(std::string(text).c_str(), nullptr); }

std::string written(double value) {
  char text[32];
  std::snprintf(text, sizeof text, "%.12g", value);
  return text;
}

double clamped(double value, double low, double high) { return std::min(std::max(value, low), high); }

}  // namespace

const std::vector<Parameter>& parameters() { return kTable; }

const Parameter* find_parameter(std::string_view name) {
  for (const Parameter& each : kTable)
    if (each.name == name) return &each;
  return nullptr;
}

const Parameter& parameter(std::string_view name) {
  if (const Parameter* found = find_parameter(name)) return *found;
  throw std::out_of_range(std::string(name));
}

bool Parameter::is_of_method(std::string_view method) const {
  return methods.empty() || std::find(methods.begin(), methods.end(), method) != methods.end();
}

bool Parameter::is_fader() const { return kind != Kind::text && fader_high - fader_low <= kMostPlaces; }

std::string Parameter::plain(double normalized) const {
  const double place = clamped(normalized, 0, 1);
  if (kind == Kind::choice)
    return std::string(stops[static_cast<size_t>(std::nearbyint(place * double(stops.size() - 1)))]);
  const double value =
      is_log ? fader_low * std::pow(fader_high / fader_low, place) : fader_low + (fader_high - fader_low) * place;
  return written(kind == Kind::whole ? std::nearbyint(value) : clamped(value, fader_low, fader_high));
}

double Parameter::normalized(std::string_view plain) const {
  if (kind == Kind::choice) {
    const auto at = std::find(stops.begin(), stops.end(), plain);
    return at == stops.end() ? 0 : double(at - stops.begin()) / std::max(1.0, double(stops.size() - 1));
  }
  const double value = clamped(number(plain), fader_low, fader_high);
  return is_log ? std::log(value / fader_low) / std::log(fader_high / fader_low)
                : (value - fader_low) / (fader_high - fader_low);
}

std::string Parameter::moved(std::string_view value, int steps) const {
  if (kind == Kind::choice) return plain(normalized(value) + steps / std::max(1.0, double(stops.size() - 1)));
  if (kind == Kind::whole && !is_log)
    return written(clamped(std::nearbyint(number(value)) + steps, fader_low, fader_high));
  return plain(normalized(value) + steps / 100.0);
}

}  // namespace punchin::view
