#include "engine.hpp"

#include <cmath>
#include <nlohmann/json.hpp>
#include <utility>

namespace punchin {

static_assert(std::atomic<Choice>::is_always_lock_free);

Engine::Engine() { prepare(48'000.0, kChannels); }

void Engine::prepare(double rate, int channels) {
  const std::lock_guard lock{mutex_};
  const int kept = std::clamp(channels, 1, kChannels);
  player_.prepare(rate);
  const bool same = ring_ && ring_->rate() == rate && ring_->channels() == kept;
  if (same) return;
  keep_choice();
  ring_ = std::make_unique<Ring>(rate, kept);
  peaks_.clear();
  heard_.clear();
  loop_.write({});
  project_.rate = rate;
  publish();
}

// --- [audio] ---------------------------------------------------------------------------------------------------------

void Engine::process(const float* const* input, float* const* output, int channels, Sample frames,
                     const Transport& transport) noexcept {
  const Placing placing = clock_.follow(transport.rolling, transport.sample, frames);
  transport_.write(transport);
  if (placing.looped) loop_.write(*placing.looped);
  if (transport.rolling) record(input, frames, transport, placing);
  notes_size_ = 0;
  player_.process(input, output, std::min(channels, kChannels), frames, placing,
                  choice_.load(std::memory_order_acquire), original_.load(std::memory_order_relaxed));
}

void Engine::record(const float* const* input, Sample frames, const Transport& transport,
                    const Placing& placing) noexcept {
  const Sample at = placing.sample();
  if (placing.speed == 1.0) {
    if (!placing.goes_on) ring_->uncover({at, at + frames});
    ring_->write(at, input, frames);
    if (placing.sound) ring_->cover(*placing.sound);
  }
  note_tempo(transport, placing.goes_on);
  for (std::size_t i = 0; i < notes_size_; ++i) {
    Note note = notes_[i];
    note.sample += at;
    heard_.note(note);
  }
  heard_.reach(at + frames);
}

void Engine::note_tempo(const Transport& transport, bool goes_on) noexcept {
  const bool same = transport.metered == noted_.metered && transport.bpm == noted_.bpm && transport.bar == noted_.bar &&
                    transport.beats_per_bar == noted_.beats_per_bar && transport.beat_unit == noted_.beat_unit;
  if (goes_on && same) return;
  noted_ = transport;
  goes_on ? heard_.tempo(transport) : heard_.begin(transport);
}

void Engine::midi(Sample offset, const std::uint8_t* bytes, std::size_t size) noexcept {
  if (size == 0 || size > 3 || notes_size_ == notes_.size()) return;
  Note& note = notes_[notes_size_++];
  note = {offset, {}};
  std::copy_n(bytes, size, note.bytes.begin());
}

// --- the host's parameters -------------------------------------------------------------------------------------------

void Engine::choose(int take) noexcept {
  Choice now = choice_.load(std::memory_order_acquire);
  const int wanted = std::clamp(take, 0, kMostTakes);
  while (!choice_.compare_exchange_weak(now, {now.serial, wanted}, std::memory_order_acq_rel)) {
  }
  touch();
}

void Engine::set_original(bool original) noexcept {
  original_.store(original, std::memory_order_relaxed);
  touch();
}

// --- what was heard --------------------------------------------------------------------------------------------------

double Engine::rate() const {
  const std::lock_guard lock{mutex_};
  return ring_->rate();
}

int Engine::channels() const {
  const std::lock_guard lock{mutex_};
  return ring_->channels();
}

std::optional<Span> Engine::loop() const {
  const Span loop = loop_.read();
  return loop.empty() ? std::nullopt : std::optional{loop};
}

Span Engine::extent() const {
  const std::lock_guard lock{mutex_};
  return ring_->extent();
}

std::vector<Span> Engine::heard(Span span) const {
  const std::lock_guard lock{mutex_};
  return ring_->heard(span);
}

Recording Engine::snapshot(Span span) const {
  const std::lock_guard lock{mutex_};
  if (span.length() > ring_->pages() * Ring::kPage) throw Error{"More than ten minutes cannot be remembered."};
  return {ring_->read(span), span.start, ring_->heard(span)};
}

std::vector<Peak> Engine::peaks(Span span, std::size_t columns) const {
  const std::lock_guard lock{mutex_};
  return peaks_.over(*ring_, span, columns);
}

std::vector<TempoPoint> Engine::tempos(Span span) const {
  const std::lock_guard lock{mutex_};
  heard_.drain();
  return heard_.tempos(span);
}

std::vector<Note> Engine::notes(Span span) const {
  const std::lock_guard lock{mutex_};
  heard_.drain();
  return heard_.notes(span);
}

bool Engine::has_notes() const {
  const std::lock_guard lock{mutex_};
  heard_.drain();
  return heard_.has_notes();
}

std::size_t Engine::most_memory() const {
  const std::lock_guard lock{mutex_};
  return ring_->bytes();
}

void Engine::tend() {
  const std::lock_guard lock{mutex_};
  player_.collect();
  heard_.drain();
}

// --- selection, takes, settings --------------------------------------------------------------------------------------

void Engine::select(Span span) {
  const std::lock_guard lock{mutex_};
  if (project_.state.selection.at(project_.rate) == span) return;
  project_.state.selection = {span, project_.rate};
  touch();
}

Span Engine::selection() const {
  const std::lock_guard lock{mutex_};
  return project_.state.selection.at(project_.rate);
}

void Engine::add_takes(Span span, const std::vector<TakeRef>& takes) {
  std::vector<std::shared_ptr<const Take>> read;  // before the mutex: the window goes on meanwhile
  for (const TakeRef& take : takes) {
    try {
      read.push_back(library_.read(std::filesystem::u8path(take.path), rate()));
    } catch (const Error&) {
      continue;  // `publish` says so
    }
  }
  const std::lock_guard lock{mutex_};
  keep_choice();
  project_.add(span, takes, edges(span));
  publish();
}

void Engine::activate(std::size_t region) {
  const std::lock_guard lock{mutex_};
  if (region >= project_.state.regions.size() || region == project_.state.active) return;
  keep_choice();
  project_.state.active = region;
  publish();
}

void Engine::remove_region(std::size_t region) {
  const std::lock_guard lock{mutex_};
  keep_choice();
  project_.remove(region);
  publish();
}

RegionsView Engine::regions() const {
  const std::lock_guard lock{mutex_};
  RegionsView view = project_.view();
  if (view.active < view.regions.size()) view.regions[view.active].choice = choice();
  return view;
}

void Engine::set_project(const std::filesystem::path& folder) {
  const std::lock_guard lock{mutex_};
  keep_choice();
  project_.state.project = folder.u8string();
  publish();  // takes that were missing may be there
}

std::size_t Engine::find_takes(const std::filesystem::path& folder) {
  const std::lock_guard lock{mutex_};
  keep_choice();
  const std::size_t missed = project_.missed();
  project_.find(folder);
  publish();
  return missed - project_.missed();
}

nlohmann::json Engine::settings() const {
  const std::lock_guard lock{mutex_};
  return nlohmann::json::parse(project_.state.settings);
}

void Engine::set_settings(const nlohmann::json& settings) {
  std::string text = settings.dump(-1, ' ', true, nlohmann::json::error_handler_t::replace);
  if (!settings.is_object() || text.size() > kMostSettings) throw Error{"There is too much text in the settings."};
  const std::lock_guard lock{mutex_};
  project_.state.settings = std::move(text);
  touch();
}

std::string Engine::save() const {
  const std::lock_guard lock{mutex_};
  return encode(current());
}

void Engine::load(const std::string& text) {
  State state = decode(text);
  const std::lock_guard lock{mutex_};
  project_.state = std::move(state);
  publish();
}

// --- with the mutex --------------------------------------------------------------------------------------------------

void Engine::publish() {
  auto playlist = project_.playlist();
  const auto& regions = project_.state.regions;
  const std::uint32_t serial = choice_.load(std::memory_order_acquire).serial + 1;
  playlist->serial = serial;
  const int chosen = regions.empty() ? choice() : regions[project_.state.active].choice;
  player_.publish(std::move(playlist));
  // Second: until then the player takes the choice from the playlist.
  choice_.store({serial, chosen}, std::memory_order_release);
  touch();
}

Edges Engine::edges(Span span) const {
  const Sample size = std::min(std::llround(Edges::kSeconds * ring_->rate()), static_cast<long long>(span.length() / 2));
  const Span start{span.start, span.start + size};
  const Span end{span.end - size, span.end};
  const auto whole = [&](Span part) { return !part.empty() && ring_->heard(part) == std::vector<Span>{part}; };
  return whole(start) && whole(end) ? Edges{ring_->read(start), ring_->read(end)} : Edges{};
}

void Engine::keep_choice() {
  auto& regions = project_.state.regions;
  if (!regions.empty()) regions[project_.state.active].choice = choice();
}

State Engine::current() const {
  State state = project_.state;
  if (!state.regions.empty()) state.regions[state.active].choice = choice();
  return state;
}

}  // namespace punchin
