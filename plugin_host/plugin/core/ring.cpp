#include "ring.hpp"

#include <limits>
#include <new>

namespace punchin {
namespace {

constexpr Sample kPage = Ring::kPage;

constexpr Sample page_of(Sample at) { return at >= 0 ? at / kPage : -((kPage - 1 - at) / kPage); }

constexpr Sample modulo(Sample value, Sample size) {
  const Sample rest = value % size;
  return rest < 0 ? rest + size : rest;
}

}  // namespace

Ring::Ring(double rate, int channels)
    : rate_{rate}, channels_{channels}, pages_{static_cast<Sample>(kSeconds * rate) / kPage + 1}, page_{new Page[pages_]} {
  static_assert(Cell::is_always_lock_free);
  // calloc, as it alone gives memory that the system takes only where it is written: 230 MB at 48 kHz in stereo.
  const auto cells = static_cast<std::size_t>(pages_ * kPage) * static_cast<std::size_t>(channels_);
  cells_.reset(static_cast<Cell*>(std::calloc(cells, sizeof(Cell))));
  if (!cells_) throw std::bad_alloc{};
}

std::size_t Ring::bytes() const {
  return static_cast<std::size_t>(pages_) * (sizeof(Page) + kPage * sizeof(Cell) * static_cast<std::size_t>(channels_));
}

Ring::Page& Ring::page(Sample song) const { return page_[modulo(song, pages_)]; }

Ring::Cell& Ring::cell(int channel, Sample at) const {
  return cells_.get()[channel * pages_ * kPage + modulo(at, pages_ * kPage)];
}

void Ring::write(Sample at, const float* const* input, Sample frames) noexcept {
  for (Sample done = 0; done < frames;) {
    const Sample song = page_of(at + done);
    const Sample size = std::min(frames - done, (song + 1) * kPage - at - done);
    Page& into = page(song);
    if (into.song.load(std::memory_order_relaxed) != song) {
      into.run.store(0, std::memory_order_release);
      into.song.store(song, std::memory_order_release);
    }
    for (int channel = 0; channel < channels_; ++channel) {
      Cell* cells = &cell(channel, at + done);
      const float* samples = input[channel] + done;
      for (Sample i = 0; i < size; ++i) cells[i].store(samples[i], std::memory_order_relaxed);
    }
    into.version.fetch_add(1, std::memory_order_release);
    done += size;
  }
}

template <class Change>
void Ring::each_page(Span span, Change change) noexcept {
  for (Sample at = span.start; at < span.end;) {
    const Sample song = page_of(at);
    const Sample end = std::min(span.end, (song + 1) * kPage);
    Page& into = page(song);
    if (into.song.load(std::memory_order_relaxed) == song) {
      set(into, change(run(song), Run{at - song * kPage, end - song * kPage}));
      into.version.fetch_add(1, std::memory_order_release);
    }
    at = end;
  }
}

void Ring::cover(Span span) noexcept {
  each_page(span, [](Run old, Run more) {
    const bool adjoins = old.to > old.from && more.from <= old.to && more.to >= old.from;
    return adjoins ? Run{std::min(old.from, more.from), std::max(old.to, more.to)} : more;
  });
}

void Ring::uncover(Span span) noexcept {
  each_page(span, [](Run old, Run less) {
    const Run before{old.from, std::min(old.to, less.from)};
    const Run after{std::max(old.from, less.to), old.to};
    return before.to - before.from >= after.to - after.from ? before : after;
  });
}

void Ring::set(Page& page, Run run) noexcept {
  const bool some = run.to > run.from;
  page.run.store(some ? static_cast<std::uint32_t>(run.from << 16 | run.to) : 0, std::memory_order_release);
}

Ring::Run Ring::run(Sample song) const {
  const Page& from = page(song);
  const std::uint32_t packed = from.run.load(std::memory_order_acquire);
  if (from.song.load(std::memory_order_acquire) != song) return {};
  return {packed >> 16, packed & 0xFFFF};
}

std::vector<Span> Ring::heard(Span span) const {
  std::vector<Span> found;
  const Span known = span.length() > pages_ * kPage ? overlap(span, extent()) : span;
  for (Sample song = page_of(known.start); song * kPage < known.end; ++song) {
    const Run run = this->run(song);
    const Span part = overlap(known, {song * kPage + run.from, song * kPage + run.to});
    if (part.empty()) continue;
    if (!found.empty() && found.back().end == part.start) {
      found.back().end = part.end;
    } else {
      found.push_back(part);
    }
  }
  return found;
}

Span Ring::extent() const {
  Span found{std::numeric_limits<Sample>::max(), std::numeric_limits<Sample>::min()};
  for (Sample i = 0; i < pages_; ++i) {
    const Sample song = page_[i].song.load(std::memory_order_acquire);
    const Run run = this->run(song);
    if (run.to <= run.from || modulo(song, pages_) != i) continue;
    found.start = std::min(found.start, song * kPage + run.from);
    found.end = std::max(found.end, song * kPage + run.to);
  }
  return found.empty() ? Span{} : found;
}

Audio Ring::read(Span span) const {
  Audio audio{rate_, std::vector<std::vector<float>>(channels_, std::vector<float>(span.length()))};
  for (const Span& part : heard(span)) {
    for (int channel = 0; channel < channels_; ++channel) {
      float* samples = &audio.channels[channel][part.start - span.start];
      for (Sample at = part.start; at < part.end;) {
        const Sample size = std::min(part.end, (page_of(at) + 1) * kPage) - at;
        const Cell* cells = &cell(channel, at);  // a page lies in one piece
        for (Sample i = 0; i < size; ++i) *samples++ = cells[i].load(std::memory_order_relaxed);
        at += size;
      }
    }
  }
  return audio;
}

std::uint32_t Ring::version(Sample at) const {
  const Run run = this->run(page_of(at));
  return run.to > run.from ? page(page_of(at)).version.load(std::memory_order_acquire) : 0;
}

Peak Ring::peak(Span span) const {
  Peak peak;
  for (const Span& part : heard(span)) {
    peak.heard = true;
    for (int channel = 0; channel < channels_; ++channel) {
      for (Sample at = part.start; at < part.end; ++at) {
        const float sample = cell(channel, at).load(std::memory_order_relaxed);
        peak.low = std::min(peak.low, sample);
        peak.high = std::max(peak.high, sample);
      }
    }
  }
  return peak;
}

// --- peaks -----------------------------------------------------------------------------------------------------------

const Peak& Peaks::page(const Ring& ring, Sample song) {
  if (known_.empty()) known_.resize(static_cast<std::size_t>(ring.pages()));
  Known& known = known_[static_cast<std::size_t>(modulo(song, ring.pages()))];
  const std::uint32_t version = ring.version(song * kPage);
  if (known.song != song || known.version != version || version == 0) {
    known = {song, version, version == 0 ? Peak{} : ring.peak({song * kPage, (song + 1) * kPage})};
  }
  return known.peak;
}

std::vector<Peak> Peaks::over(const Ring& ring, Span span, std::size_t columns) {
  std::vector<Peak> peaks(columns);
  const double step = static_cast<double>(span.length()) / static_cast<double>(std::max<std::size_t>(columns, 1));
  for (std::size_t i = 0; i < columns; ++i) {
    const auto start = span.start + static_cast<Sample>(step * static_cast<double>(i));
    const auto end = std::max(start + 1, span.start + static_cast<Sample>(step * static_cast<double>(i + 1)));
    if (step < static_cast<double>(kPage)) {
      peaks[i] = ring.peak({start, end});
      continue;
    }
    for (Sample song = page_of(start); song * kPage < end; ++song) {
      const Peak& of = page(ring, song);
      peaks[i] = {std::min(peaks[i].low, of.low), std::max(peaks[i].high, of.high), peaks[i].heard || of.heard};
    }
  }
  return peaks;
}

}  // namespace punchin
