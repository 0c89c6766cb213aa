// How the song was at the edges of a region when its takes were made.
#pragma once

#include "types.hpp"

namespace punchin {

/// A take begins and ends as the song was heard there. An instrument that never sounds twice the same would click there:
/// so what comes in now and did not then fades out over the first samples of the take, and in over its last. Where the
/// same comes in, that is nothing, and the take is heard to the sample.
struct Edges {
  static constexpr double kSeconds = 0.005;

  Audio start;  ///< The first samples of the region,
  Audio end;    ///< and its last, as many.

  bool empty() const noexcept { return start.frames() == 0; }

  /// [audio] What is added to sample `at` of the take in a region of `length`, where `below` would be heard without it.
  float carried(int channel, Sample at, Sample length, float below) const noexcept {
    const Sample size = start.frames();
    if (at < size) return faded(start, channel, at, size - at, below);
    const Sample left = length - at;
    return left <= size ? faded(end, channel, size - left, size - left + 1, below) : 0.0F;
  }

 private:
  static float faded(const Audio& was, int channel, Sample at, Sample weight, float below) noexcept {
    const auto& samples = was.channels[static_cast<std::size_t>(channel) < was.channels.size() ? channel : 0];
    const float share = static_cast<float>(weight) / static_cast<float>(was.frames());
    return share * (below - samples[static_cast<std::size_t>(at)]);
  }
};

}  // namespace punchin
