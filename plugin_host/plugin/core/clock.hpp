// What the host's positions mean: going on, a jump, or a speed that is not the song's.
#pragma once

#include <optional>

#include "types.hpp"

namespace punchin {

/// Where a block lies.
struct Placing {
  double at = 0.0;             ///< The song sample that sounds first; between samples only where `speed` is not 1.
  double speed = 1.0;          ///< Song samples a sample; 0: nothing sounds, or nobody knows what.
  bool goes_on = false;        ///< It begins where the last one ended.
  std::optional<Span> sound;   ///< What of the song is now known to have been heard at its own speed.
  std::optional<Span> looped;  ///< The host jumped back, and plays this again.

  Sample sample() const { return static_cast<Sample>(at); }
};

/// [audio] Follows the transport block by block.
///
/// A block is believed when it goes on from the one before, or the next goes on from it. With varispeed none does, so
/// what the host played faster or slower is never taken for the song.
class Clock {
 public:
  Placing follow(bool rolling, Sample sample, Sample frames) noexcept;

 private:
  Placing jumped(Sample sample) noexcept;

  static constexpr Sample kRounding = 1;        // hosts that count in seconds or beats are off by a sample
  static constexpr Sample kShortestSpeed = 32;  // of shorter blocks no speed can be told
  static constexpr double kSlowest = 0.25;
  static constexpr double kFastest = 4.0;

  std::optional<Span> last_;  ///< The last block, if it rolled.
  bool believed_ = false;     ///< Whether that one is.
  Sample stretch_ = 0;        ///< Where what goes on began.
  double speed_ = 0.0;        ///< Of the last block, as the one after it told.
  double next_ = 0.0;         ///< Where varispeed goes on.
};

}  // namespace punchin
