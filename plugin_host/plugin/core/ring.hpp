// What passed through, by song sample: the last ten minutes of the song that were played, in any order.
#pragma once

#include <atomic>
#include <cstddef>
#include <cstdlib>
#include <memory>
#include <vector>

#include "types.hpp"

namespace punchin {

/// Lowest and highest sample of all channels, and whether any of it was heard.
struct Peak {
  float low = 0.0F;
  float high = 0.0F;
  bool heard = false;
};

/// Song sample `s` lies at `s` modulo the capacity, in pages of which each knows whose song page it holds and what part
/// of that was heard. Two places of the song that are a capacity apart share a page: what was played last is kept.
///
/// Memory is reserved at once (`bytes`) but, as systems give it, taken only where something was heard.
class Ring {
 public:
  static constexpr double kSeconds = 600.0;
  static constexpr Sample kPage = 1024;

  Ring(double rate, int channels);

  double rate() const { return rate_; }
  int channels() const { return channels_; }
  std::size_t bytes() const;

  /// [audio] The samples of a block from song sample `at` on; heard only once `cover` says so.
  void write(Sample at, const float* const* input, Sample frames) noexcept;
  /// [audio] `span` was heard. Each page keeps one run: what does not adjoin its own is forgotten.
  void cover(Span span) noexcept;
  /// [audio] `span` is being written over: until covered again, not heard.
  void uncover(Span span) noexcept;

  /// [any] The parts of `span` that were heard, in order.
  std::vector<Span> heard(Span span) const;
  /// [any] From the first to the last sample heard.
  Span extent() const;
  /// [any] `span`, silence where nothing was heard.
  Audio read(Span span) const;
  /// [any]
  Peak peak(Span span) const;
  /// How many pages there are.
  Sample pages() const { return pages_; }
  /// [any] How often the page of song sample `at` changed, 0 where nothing was heard.
  std::uint32_t version(Sample at) const;

 private:
  struct Page {
    std::atomic<Sample> song{0};           ///< Which page of the song.
    std::atomic<std::uint32_t> run{0};     ///< First and last + 1 sample heard in it, 16 bits each; 0: nothing.
    std::atomic<std::uint32_t> version{0};
  };
  struct Run {
    Sample from = 0;
    Sample to = 0;
  };
  using Cell = std::atomic<float>;
  struct Free {
    void operator()(Cell* cells) const { std::free(cells); }
  };

  Page& page(Sample song) const;
  Cell& cell(int channel, Sample at) const;
  Run run(Sample song) const;
  static void set(Page& page, Run run) noexcept;
  template <class Change>
  void each_page(Span span, Change change) noexcept;

  double rate_;
  int channels_;
  Sample pages_;
  std::unique_ptr<Page[]> page_;
  std::unique_ptr<Cell, Free> cells_;
};

/// The peaks of a ring's pages, found anew where a page changed: what a window draws [one thread at a time].
class Peaks {
 public:
  /// `columns` peaks of `span`, left to right.
  std::vector<Peak> over(const Ring& ring, Span span, std::size_t columns);
  void clear() { known_.clear(); }

 private:
  struct Known {
    Sample song = 0;
    std::uint32_t version = 0;
    Peak peak;
  };
  const Peak& page(const Ring& ring, Sample song);

  std::vector<Known> known_;
};

}  // namespace punchin
