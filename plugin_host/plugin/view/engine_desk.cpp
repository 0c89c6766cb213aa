#include "engine_desk.hpp"

#include <utility>

#include "../link/score.hpp"
#include "../link/settings.hpp"
#include "folder.hpp"
#include "timeline.hpp"

namespace punchin::view {

namespace {

constexpr double kLongestNote = 60;  // seconds before what is seen in which keys went down that are still held

// Where a field of the window is kept; nothing where there is none of that name.
std::string* field_of(link::Written& written, const std::string& name) {
  if (name == "chords") return &written.chords;
  if (name == "track") return &written.name;
  if (name == "song_name") return &written.song;
  if (name == "feeds") return &written.feeds;
  return name == "folder" ? &written.folder : nullptr;
}

std::string name_of(const TakeView& take) {
  return take.ref.label.empty() ? std::filesystem::u8path(take.ref.path).stem().u8string() : take.ref.label;
}

}  // namespace

EngineDesk::EngineDesk(Engine& engine, link::Link& link, HostParameters host)
    : engine_(engine), link_(link), host_(std::move(host)) {}

Facts EngineDesk::facts() {
  Facts facts;
  const Span extent = engine_.extent();
  const Transport transport = engine_.transport();
  facts.rate = engine_.rate();
  facts.heard = engine_.heard(extent);
  if (!extent.empty()) facts.bars = bar_lines(engine_.tempos(extent), facts.rate, extent);
  facts.position = transport.sample;
  facts.is_playing = transport.rolling;
  facts.loop = engine_.loop();
  facts.selection = engine_.selection();
  facts.can_drag = can_drag_out();
  facts.hears_notes = link_.hears_notes();
  facts.has_notes = facts.hears_notes && engine_.has_notes();
  if (facts.has_notes) link_.name_chords();
  tell_settings(facts);
  tell_regions(facts);
  tell_link(facts);
  return facts;
}

void EngineDesk::tell_settings(Facts& facts) const {
  link::Written written = link::written(engine_);
  facts.settings = std::move(written.parameters);
  for (const char* field : {"chords", "track", "song_name", "folder", "feeds"})
    facts.written[field] = *field_of(written, field);
}

void EngineDesk::tell_regions(Facts& facts) const {
  const RegionsView seen = engine_.regions();
  for (const RegionView& each : seen.regions) {
    Region region{each.span, {}, each.choice};
    for (const TakeView& take : each.takes) region.takes.push_back({name_of(take), take.problem});
    facts.regions.push_back(std::move(region));
  }
  facts.active = seen.active;
  facts.is_original = engine_.original();
  if (facts.active < facts.regions.size()) {
    Region& active = facts.regions[facts.active];
    const int choice = engine_.choice();
    active.chosen = choice <= int(active.takes.size()) ? choice : 0;
  }
}

void EngineDesk::tell_link(Facts& facts) const {
  const link::Status status = link_.status();
  facts.has_bridge = status.has_bridge;
  facts.song = status.song;
  for (const link::NamedChord& each : status.chords) facts.chords.push_back({each.span, each.name, each.sure});
  facts.trouble = status.trouble;
  facts.remark = status.remark;
  facts.remote = status.remote;
  if (status.is_busy) facts.progress = Progress{status.line, status.fraction, status.seconds};
}

std::vector<Peak> EngineDesk::peaks(Span span, std::size_t columns) const { return engine_.peaks(span, columns); }

std::vector<NoteBar> EngineDesk::notes(Span span) const {
  const auto longest = static_cast<Sample>(kLongestNote * engine_.rate());
  std::vector<NoteBar> found;
  for (const link::Held& each : link::held(engine_.notes({span.start - longest, span.end}), span.end))
    if (each.span.end > span.start) found.push_back({each.span, each.pitch});
  return found;
}

void EngineDesk::select(Span selection) { engine_.select(selection); }

void EngineDesk::set(const std::string& parameter, const std::string& value) {
  link::write(engine_, [&](link::Written& written) {
    if (value.empty())
      written.parameters.erase(parameter);
    else
      written.parameters[parameter] = value;
  });
}

void EngineDesk::write(const std::string& field, const std::string& text) {
  link::write(engine_, [&](link::Written& written) {
    if (std::string* kept = field_of(written, field)) *kept = text;
  });
}

void EngineDesk::punch_in(bool is_transfer) { link_.punch_in(is_transfer); }

void EngineDesk::cancel() { link_.cancel(); }

void EngineDesk::choose(int take) { host_.choose(take); }

void EngineDesk::activate(std::size_t region) { engine_.activate(region); }

void EngineDesk::set_original(bool is_original) { host_.set_original(is_original); }

void EngineDesk::keep() {
  const auto take = this->take(engine_.choice());
  if (!take) return;
  const RegionsView seen = engine_.regions();
  const Span span = seen.regions[seen.active].span;
  engine_.remove_region(seen.active);
  engine_.add_takes(span, {take->ref});
}

void EngineDesk::show_in_folder() {
  if (const auto take = this->take(engine_.choice())) file_manager_.start(shown_in_folder(take->found));
}

void EngineDesk::drag_out(int number) {
  const auto take = this->take(number);
  if (take && take->problem.empty()) drag_ = view::drag_out(take->found);
}

void EngineDesk::idle() {
  if (drag_ && !drag_->step()) drag_.reset();
}

void EngineDesk::open_page() { link_.open_page(); }

std::optional<TakeView> EngineDesk::take(int number) const {
  const RegionsView seen = engine_.regions();
  if (seen.active >= seen.regions.size()) return std::nullopt;
  const auto& takes = seen.regions[seen.active].takes;
  if (number < 1 || number > int(takes.size())) return std::nullopt;
  return takes[std::size_t(number - 1)];
}

}  // namespace punchin::view
