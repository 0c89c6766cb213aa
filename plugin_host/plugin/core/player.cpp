#include "player.hpp"

#include <cmath>
#include <cstring>

namespace punchin {
namespace {

using Samples = const std::vector<float>&;

float at_or_silence(Samples samples, Sample at) noexcept {
  return at >= 0 && at < static_cast<Sample>(samples.size()) ? samples[static_cast<std::size_t>(at)] : 0.0F;
}

/// Between samples: a cubic through the four around (Catmull-Rom). Only for what a host plays at another speed.
float between(Samples samples, double at) noexcept {
  const auto whole = static_cast<Sample>(std::floor(at));
  const auto part = static_cast<float>(at - std::floor(at));
  const float a = at_or_silence(samples, whole - 1);
  const float b = at_or_silence(samples, whole);
  const float c = at_or_silence(samples, whole + 1);
  const float d = at_or_silence(samples, whole + 2);
  return b + 0.5F * part * (c - a + part * (2.0F * a - 5.0F * b + 4.0F * c - d + part * (3.0F * (b - c) + d - a)));
}

Samples channel_of(const Audio& take, int channel) noexcept {
  return take.channels[static_cast<std::size_t>(channel) < take.channels.size() ? channel : 0];
}

/// `size` samples of the take from its sample `from` on, over what is in `out`.
void lay_part(const Placed& placed, const Audio& take, int channel, Sample from, Sample size, float* out) noexcept {
  const float* samples = &channel_of(take, channel)[from];
  if (placed.edges.empty() || take.frames() < placed.span.length()) {
    std::memcpy(out, samples, sizeof(float) * size);
    return;
  }
  for (Sample i = 0; i < size; ++i) {
    const float carried = placed.edges.carried(channel, from + i, placed.span.length(), out[i]);
    out[i] = carried == 0.0F ? samples[i] : samples[i] + carried;
  }
}

}  // namespace

const Audio* Player::Source::take(std::size_t region) const noexcept {
  const Placed& placed = playlist->regions[region];
  return placed.take(region == playlist->active ? choice : placed.choice);
}

bool Player::Source::meets(Span span) const noexcept {
  if (playlist == nullptr) return false;
  for (std::size_t i = 0; i < playlist->regions.size(); ++i) {
    if (!overlap(playlist->regions[i].span, span).empty() && take(i) != nullptr) return true;
  }
  return false;
}

void Player::prepare(double rate) { ramp_ = ramped_ = std::max<Sample>(1, std::llround(kRampSeconds * rate)); }

void Player::process(const float* const* input, float* const* output, int channels, Sample frames,
                     const Placing& placing, Choice choice, bool original) noexcept {
  follow(choice, original);
  const bool varied = placing.speed != 1.0 && placing.speed != 0.0;
  if (!placing.goes_on && !varied) end_ramp();
  const double at = placing.at;
  const double speed = placing.speed;
  const auto first = static_cast<Sample>(std::floor(at));
  const Span span{first, first + static_cast<Sample>(std::ceil(speed * static_cast<double>(frames))) + 1};
  if (speed == 0.0 || (!to_.meets(span) && (ramped_ == ramp_ || !from_.meets(span)))) {
    for (int channel = 0; channel < channels; ++channel) {
      if (output[channel] != input[channel]) std::memcpy(output[channel], input[channel], sizeof(float) * frames);
    }
    end_ramp();  // both sides of it are the original
    return;
  }
  for (Sample done = 0; done < frames; done += kPiece) {
    const float* from[kChannels];
    float* into[kChannels];
    for (int channel = 0; channel < channels; ++channel) {
      from[channel] = input[channel] + done;
      into[channel] = output[channel] + done;
    }
    play(from, into, channels, std::min(kPiece, frames - done), at + speed * static_cast<double>(done), speed);
  }
}

void Player::follow(Choice choice, bool original) noexcept {
  if (ramped_ < ramp_) return;  // one change after the other
  if (auto next = exchange_.receive()) {
    before_ = std::move(now_);
    now_ = std::move(next);
    choice_ = now_->regions.empty() ? 0 : now_->regions[now_->active].choice;
  }
  if (now_ && choice.serial == now_->serial) choice_ = choice.take;
  const Source wanted = original || !now_ ? Source{} : Source{now_.get(), choice_};
  if (!(wanted == to_)) {
    from_ = to_;
    to_ = wanted;
    ramped_ = 0;
  } else if (before_) {
    end_ramp();
  }
}

void Player::end_ramp() noexcept {
  ramped_ = ramp_;
  from_ = {};
  if (before_) exchange_.retire(std::move(before_));
}

void Player::play(const float* const* input, float* const* output, int channels, Sample frames, double at,
                  double speed) noexcept {
  for (int channel = 0; channel < channels; ++channel) {
    std::memcpy(entered_[channel].data(), input[channel], sizeof(float) * frames);
    std::memcpy(left_[channel].data(), input[channel], sizeof(float) * frames);
  }
  lay(to_, entered_, channels, frames, at, speed);
  const bool ramping = ramped_ < ramp_;
  if (ramping) lay(from_, left_, channels, frames, at, speed);
  for (int channel = 0; channel < channels; ++channel) {
    const auto& entered = entered_[channel];
    const auto& left = left_[channel];
    for (Sample i = 0; i < frames; ++i) {
      const Sample done = ramped_ + i;
      // Where both are the same a ramp changes nothing, not even by rounding.
      const bool whole = done >= ramp_ || entered[i] == left[i];
      const float share = static_cast<float>(done) / static_cast<float>(ramp_);
      output[channel][i] = whole ? entered[i] : left[i] + share * (entered[i] - left[i]);
    }
  }
  if (ramping && (ramped_ += frames) >= ramp_) end_ramp();
}

void Player::lay(const Source& source, Piece& piece, int channels, Sample frames, double at, double speed) noexcept {
  if (source.playlist == nullptr) return;
  const auto first = static_cast<Sample>(std::floor(at));
  for (std::size_t i = 0; i < source.playlist->regions.size(); ++i) {
    const Audio* take = source.take(i);
    if (take == nullptr) continue;
    const Span region = source.playlist->regions[i].span;
    const Span known{region.start, std::min(region.end, region.start + take->frames())};
    if (speed == 1.0) {
      const Span part = overlap(known, {first, first + frames});
      for (int channel = 0; channel < channels && !part.empty(); ++channel) {
        lay_part(source.playlist->regions[i], *take, channel, part.start - region.start, part.length(),
                 &piece[channel][part.start - first]);
      }
      continue;
    }
    for (Sample k = 0; k < frames; ++k) {
      const double place = at + speed * static_cast<double>(k);
      if (!known.contains(static_cast<Sample>(std::floor(place)))) continue;
      for (int channel = 0; channel < channels; ++channel) {
        piece[channel][k] = between(channel_of(*take, channel), place - static_cast<double>(region.start));
      }
    }
  }
}

}  // namespace punchin
