#include "heard.hpp"

#include <iterator>

namespace punchin {

void Heard::begin(const Transport& at) noexcept {
  if (!events_.push({Kind::begin, at, {}})) return;
  ++reaching_.stretch;
  reaching_.end = at.sample;
}

void Heard::tempo(const Transport& at) noexcept { events_.push({Kind::tempo, at, {}}); }

void Heard::note(const Note& note) noexcept { events_.push({Kind::note, {}, note}); }

void Heard::reach(Sample end) noexcept {
  reaching_.end = end;
  reached_.write(reaching_);
}

void Heard::drain() {
  // Read before the events: all that happened up to it is among them.
  const Reached reached = reached_.read();
  Event event;
  while (events_.pop(event)) take(event);
  if (reached.stretch == stretch_) renew(reached.end);
  while (tempos_.size() > kMostTempos) tempos_.erase(tempos_.begin());
  while (notes_.size() > kMostNotes) notes_.erase(notes_.begin());
}

void Heard::take(const Event& event) {
  if (event.kind == Kind::note) {
    renew(event.note.sample + 1);
    notes_.emplace(event.note.sample, event.note);
    return;
  }
  if (event.kind == Kind::begin) {
    ++stretch_;
    renewed_ = event.at.sample;
  }
  renew(event.at.sample);
  tempos_.insert_or_assign(event.at.sample, event.at);
}

void Heard::renew(Sample end) {
  if (end <= renewed_) return;
  notes_.erase(notes_.lower_bound(renewed_), notes_.lower_bound(end));
  // A tempo at the start of what is renewed is this stretch's own: it is taken in after what lies before it.
  tempos_.erase(tempos_.upper_bound(renewed_), tempos_.lower_bound(end));
  renewed_ = end;
}

std::vector<TempoPoint> Heard::tempos(Span span) const {
  std::vector<TempoPoint> found;
  auto from = tempos_.upper_bound(span.start);
  if (from != tempos_.begin()) --from;
  for (; from != tempos_.end() && from->first < span.end; ++from) found.push_back(from->second);
  return found;
}

std::vector<Note> Heard::notes(Span span) const {
  std::vector<Note> found;
  for (auto at = notes_.lower_bound(span.start); at != notes_.end() && at->first < span.end; ++at) {
    found.push_back(at->second);
  }
  return found;
}

void Heard::clear() {
  drain();
  tempos_.clear();
  notes_.clear();
}

}  // namespace punchin
