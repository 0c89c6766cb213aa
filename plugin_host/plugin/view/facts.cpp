#include "facts.hpp"

#include <tuple>

namespace punchin::view {

namespace {

auto all(const Facts& facts) {
    return std::tie(facts.rate, facts.track, facts.heard, facts.bars, facts.position, facts.is_playing, facts.loop,
                    facts.selection, facts.chords, facts.has_chord_notes, facts.settings, facts.takes, facts.chosen,
                    facts.progress, facts.has_bridge, facts.trouble);
}

} // namespace

bool Facts::operator==(const Facts& other) const { return all(*this) == all(other); }

} // namespace punchin::view
