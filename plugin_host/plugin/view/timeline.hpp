// Where samples lie in the waveform's box, and where selections snap. Pure.
#pragma once

#include "facts.hpp"

#include <vector>

namespace punchin::view {

// The bar lines of `span`, from the one at or before its start to the one at or after its end, of what the host said of
// the time in it. Where it said nothing of bars there are none.
std::vector<BarLine> bar_lines(const std::vector<Transport>& said, double rate, Span span);

// All that was heard, in whole bars where there are any.
Span whole(const Facts& facts);

// The bars that a span touches; where there are none, the span itself.
Span snapped(const std::vector<BarLine>& bars, Span span);

// The selection a bar further (by = 1) or back (-1), or only its end moved; without bars a second.
Span stepped(const Facts& facts, Span selection, int by, bool only_end);

// What of `span` was not heard; empty where all of it was.
Span unheard(const std::vector<Span>& heard, Span span);

// `visible` zoomed by `factor` around `around`, and kept inside `limits`; never narrower than a hundredth of a second.
Span zoomed(Span visible, double factor, int64_t around, Span limits, double rate);

// The samples that are seen, across a width.
struct Scale {
  Span visible;
  double left, width;

  double x(int64_t sample) const { return left + width * double(sample - visible.start) / double(visible.length()); }
  int64_t sample(double x) const { return visible.start + int64_t((x - left) / width * double(visible.length())); }
};

}  // namespace punchin::view
