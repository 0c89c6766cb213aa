// Takes in place. Real-time, all of it.
#pragma once

#include <array>
#include <cstdint>
#include <memory>
#include <vector>

#include "clock.hpp"
#include "edges.hpp"
#include "exchange.hpp"
#include "types.hpp"

namespace punchin {

/// A region as the player has it: its takes, null where one cannot be heard. A take begins with its region and carries
/// the splice's crossfades in its own samples, out of and into the song as it was heard.
struct Placed {
  Span span;
  std::vector<std::shared_ptr<const Audio>> takes;
  Edges edges;
  int choice = 0;  ///< From 1; 0 is the original.

  const Audio* take(int number) const noexcept {
    return number >= 1 && number <= static_cast<int>(takes.size()) ? takes[number - 1].get() : nullptr;
  }
};

/// All regions; where they overlap, the later one is heard. The choice in the `active` one is the host's parameter,
/// once that belongs to this playlist (`serial`); until then, the region's own.
struct Playlist {
  std::uint32_t serial = 0;
  std::vector<Placed> regions;
  std::size_t active = 0;
};

/// The host's parameter, and the serial of the playlist it was made for.
struct Choice {
  std::uint32_t serial = 0;
  std::int32_t take = 0;
};

/// Plays takes over what comes in. A change of what is heard is a ramp of 8 ms from what was heard before; where the song
/// does not go on from there, it is heard at once.
class Player {
 public:
  static constexpr double kRampSeconds = 0.008;

  /// [any] One thread at a time.
  void publish(std::unique_ptr<Playlist> playlist) { exchange_.publish(std::move(playlist)); }
  void collect() { exchange_.collect(); }

  /// While not processing.
  void prepare(double rate);

  /// [audio] A block of `channels`, at most `kChannels`; `output` may be `input`. While the host stands still,
  /// `placing.speed` is 0.
  void process(const float* const* input, float* const* output, int channels, Sample frames, const Placing& placing,
               Choice choice, bool original) noexcept;

 private:
  static constexpr Sample kPiece = 512;  // what the scratch holds: blocks may be of any size
  using Piece = std::array<std::array<float, kPiece>, kChannels>;

  /// What is heard: of `playlist` the take `choice` in the active region; null: the original.
  struct Source {
    const Playlist* playlist = nullptr;
    int choice = 0;

    bool operator==(const Source& other) const { return playlist == other.playlist && choice == other.choice; }
    const Audio* take(std::size_t region) const noexcept;
    bool meets(Span span) const noexcept;
  };

  void follow(Choice choice, bool original) noexcept;
  void end_ramp() noexcept;
  void play(const float* const* input, float* const* output, int channels, Sample frames, double at,
            double speed) noexcept;
  static void lay(const Source& source, Piece& piece, int channels, Sample frames, double at, double speed) noexcept;

  Exchange<Playlist> exchange_;
  std::unique_ptr<Playlist> now_;
  std::unique_ptr<Playlist> before_;  ///< While a ramp may come from it.
  int choice_ = 0;
  Source from_;
  Source to_;
  Sample ramp_ = 384;    ///< The length of a ramp.
  Sample ramped_ = 384;  ///< How much of it is done.
  Piece left_{};
  Piece entered_{};
};

}  // namespace punchin
