// An engine with a link, driven by lines of JSON: plays, asks, and says what became of it. `driver BINARY`, whose folder
// has what the installer wrote; `driver BINARY notes` is one of Punchin Chords, to which a C is played in each bar.
#include <algorithm>
#include <iostream>
#include <random>
#include <string>
#include <vector>

#include "link/link.hpp"
#include "link/settings.hpp"

using nlohmann::json;
using punchin::Engine;
using punchin::Sample;
namespace link = punchin::link;

namespace {

constexpr double kRate = 48'000.0;
constexpr double kBpm = 120.0;
constexpr Sample kBlock = 512;
constexpr Sample kBar = 96'000;

punchin::Transport at(Sample sample, double bpm) {
  punchin::Transport transport;
  const double beats = static_cast<double>(sample) * bpm / 60.0 / kRate;
  transport.rolling = transport.metered = true;
  transport.sample = sample;
  transport.bpm = bpm;
  transport.bar = static_cast<int>(beats / 4.0) + 1;
  transport.beat = beats - 4.0 * (transport.bar - 1);
  return transport;
}

/// Plays bars `[first, last)`, noise that is the same each time. Whether all that came out is what came in.
bool play(Engine& engine, Sample first, Sample last, double bpm) {
  bool is_original = true;
  std::vector<float> in(kBlock), left(kBlock), right(kBlock);
  for (Sample sample = first * kBar; sample < last * kBar; sample += kBlock) {
    const Sample frames = std::min(kBlock, last * kBar - sample);
    std::minstd_rand random{static_cast<unsigned>(sample + 1)};
    for (float& each : in) each = std::uniform_real_distribution<float>{-0.3F, 0.3F}(random);
    const Sample bar = (sample + kBar - 1) / kBar * kBar;
    if (bar < sample + frames)
      for (const std::uint8_t pitch : {60, 64, 67}) {
        const std::uint8_t down[] = {0x90, pitch, 100};
        engine.midi(bar - sample, down, sizeof down);
      }
    const float* input[] = {in.data(), in.data()};
    float* output[] = {left.data(), right.data()};
    engine.process(input, output, 2, frames, at(sample, bpm));
    is_original = is_original && std::equal(in.begin(), in.begin() + frames, left.begin());
  }
  return is_original;
}

json chords_of(const link::Status& status) {
  json found = json::array();
  for (const auto& chord : status.chords) found.push_back({chord.span.start, chord.span.end, chord.name, chord.sure});
  return found;
}

json answer(Engine& engine, link::Link& own, const json& line) {
  const std::string what = line.at("do");
  if (what == "play") return play(engine, line.at("first"), line.at("last"), line.value("bpm", kBpm));
  if (what == "select") engine.select({line.at("first").get<Sample>() * kBar, line.at("last").get<Sample>() * kBar});
  if (what == "punch") own.punch_in(line.value("transfer", false));
  if (what == "again") own.again();
  if (what == "cancel") own.cancel();
  if (what == "folder") link::write(engine, [&](link::Written& written) { written.folder = line.at("path"); });
  if (what == "name_chords") own.name_chords();
  if (what == "load") engine.load(line.at("state").dump());
  if (what == "takes") {
    json takes = json::array();
    for (const auto& region : engine.regions().regions)
      for (const auto& take : region.takes) takes.push_back({take.ref.path, take.problem});
    return takes;
  }
  if (what == "status") {
    const link::Status status = own.status();
    return {{"trouble", status.trouble}, {"line", status.line},         {"is_busy", status.is_busy},
            {"remark", status.remark},   {"fraction", status.fraction}, {"has_bridge", status.has_bridge},
            {"remote", status.remote},   {"song", status.song},         {"chords", chords_of(status)}};
  }
  return nullptr;
}

}  // namespace

int main(int count, char** arguments) {
  Engine engine;
  engine.prepare(kRate, punchin::kChannels);
  link::Link own{engine, count > 2, arguments[1]};
  own.start();
  std::string line;
  while (std::getline(std::cin, line)) std::cout << answer(engine, own, json::parse(line)).dump() << std::endl;
}
