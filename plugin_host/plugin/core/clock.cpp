#include "clock.hpp"

#include <cmath>

namespace punchin {

Placing Clock::follow(bool rolling, Sample sample, Sample frames) noexcept {
  Placing placing;
  placing.at = static_cast<double>(sample);
  if (!rolling) {
    last_.reset();
    speed_ = 0.0;
    placing.speed = 0.0;
    return placing;
  }
  if (last_ && std::abs(sample - last_->end) <= kRounding) {
    placing.at = static_cast<double>(last_->end);
    placing.goes_on = true;
    placing.sound = Span{believed_ ? last_->end : last_->start, last_->end + frames};
    speed_ = 1.0;
  } else {
    placing = jumped(sample);
  }
  believed_ = placing.goes_on;
  next_ = placing.at + placing.speed * static_cast<double>(frames);
  last_ = Span{placing.sample(), placing.sample() + frames};
  return placing;
}

Placing Clock::jumped(Sample sample) noexcept {
  Placing placing;
  placing.at = static_cast<double>(sample);
  if (last_ && sample == stretch_ && sample < last_->end && believed_) placing.looped = Span{sample, last_->end};
  const double before = speed_;
  const bool told = last_ && last_->length() >= kShortestSpeed;
  speed_ = told ? static_cast<double>(sample - last_->start) / static_cast<double>(last_->length()) : 0.0;
  if (!last_ || believed_) {  // a jump: whether it is one, or the host has changed its speed, the next block says
    stretch_ = sample;
    return placing;
  }
  const bool steady = speed_ >= kSlowest && speed_ <= kFastest && std::abs(speed_ - before) <= 0.02 * speed_ + 0.01;
  placing.speed = steady ? speed_ : 0.0;
  if (steady && std::abs(static_cast<double>(sample) - next_) <= 2.0) placing.at = next_;
  stretch_ = sample;
  return placing;
}

}  // namespace punchin
