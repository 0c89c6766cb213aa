#include "facts.hpp"

#include <tuple>

namespace punchin::view {

namespace {

auto all(const Facts& facts) {
  return std::tie(facts.hears_notes, facts.has_notes, facts.has_bridge, facts.can_drag, facts.song, facts.chords, facts.rate, facts.heard, facts.bars, facts.position, facts.is_playing, facts.loop, facts.selection,
                  facts.settings, facts.written, facts.regions, facts.active, facts.is_original, facts.progress,
                  facts.trouble, facts.remark, facts.remote);
}

}  // namespace

std::string Facts::text(const std::string& field) const {
  const auto found = written.find(field);
  return found == written.end() ? "" : found->second;
}

const Region& Facts::region() const {
  static const Region kNone;
  return active < regions.size() ? regions[active] : kNone;
}

bool Facts::operator==(const Facts& other) const { return all(*this) == all(other); }

}  // namespace punchin::view
