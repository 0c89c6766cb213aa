#include "wav.hpp"

#include <soxr.h>

#include <array>
#include <cmath>
#include <cstring>
#include <fstream>
#include <system_error>

namespace punchin {
namespace {

namespace fs = std::filesystem;

constexpr std::uintmax_t kMostBytes = std::uintmax_t{1} << 31;  // ten minutes of stereo floats at 192 kHz are half of it
constexpr std::size_t kTimeReference = 338;                     // in a `bext` chunk (EBU Tech 3285)
constexpr std::size_t kBextBytes = 602;
constexpr std::uint16_t kInteger = 1;
constexpr std::uint16_t kFloat = 3;
constexpr std::uint16_t kExtensible = 0xFFFE;

/// Bytes of a file, little-endian; reading beyond the end throws.
class Bytes {
 public:
  explicit Bytes(const std::string& text) : text_{text} {}

  template <class T>
  T at(std::size_t place) const {
    if (place + sizeof(T) > text_.size()) throw Error{"it is cut off"};
    T value;
    std::memcpy(&value, text_.data() + place, sizeof(T));
    return value;
  }
  std::string id(std::size_t place) const { return place + 4 <= text_.size() ? text_.substr(place, 4) : ""; }
  std::size_t size() const { return text_.size(); }

 private:
  const std::string& text_;
};

struct Format {
  std::uint16_t kind = 0;
  std::uint16_t channels = 0;
  std::uint32_t rate = 0;
  std::uint16_t bits = 0;
};

struct Chunks {
  Format format;
  std::size_t data = 0;
  std::size_t data_bytes = 0;
  Sample time_reference = 0;
};

std::string load(const fs::path& path) {
  std::error_code failed;
  const std::uintmax_t size = fs::file_size(path, failed);
  if (failed) throw Error{"it is not there"};
  if (size > kMostBytes) throw Error{"it is longer than two gigabytes"};
  std::string text(static_cast<std::size_t>(size), '\0');
  std::ifstream file{path, std::ios::binary};
  if (!file.read(text.data(), static_cast<std::streamsize>(size))) throw Error{"it cannot be read"};
  return text;
}

Chunks chunks_of(const Bytes& bytes) {
  const bool large = bytes.id(0) == "RF64" || bytes.id(0) == "BW64";
  if ((bytes.id(0) != "RIFF" && !large) || bytes.id(8) != "WAVE") throw Error{"it is no WAV file"};
  Chunks found;
  std::uint64_t large_data = 0;
  for (std::size_t place = 12; place + 8 <= bytes.size();) {
    const std::string id = bytes.id(place);
    const std::size_t body = place + 8;
    std::uint64_t size = bytes.at<std::uint32_t>(place + 4);
    if (id == "ds64") large_data = bytes.at<std::uint64_t>(body + 8);
    if (id == "fmt ") {
      found.format = {bytes.at<std::uint16_t>(body), bytes.at<std::uint16_t>(body + 2),
                      bytes.at<std::uint32_t>(body + 4), bytes.at<std::uint16_t>(body + 14)};
      if (found.format.kind == kExtensible) found.format.kind = bytes.at<std::uint16_t>(body + 24);
    }
    if (id == "bext" && size >= kTimeReference + 8) found.time_reference = bytes.at<Sample>(body + kTimeReference);
    if (id == "data") {
      if (large && size == 0xFFFFFFFF) size = large_data;
      found.data = body;
      found.data_bytes = static_cast<std::size_t>(std::min<std::uint64_t>(size, bytes.size() - body));
      size = found.data_bytes;
    }
    place = body + static_cast<std::size_t>(size) + static_cast<std::size_t>(size & 1);
  }
  if (found.format.channels == 0 || found.format.rate == 0 || found.data == 0) throw Error{"it is no whole WAV file"};
  return found;
}

float sample_at(const char* bytes, const Format& format) {
  if (format.kind == kFloat) {
    float value;
    std::memcpy(&value, bytes, sizeof(value));
    return value;
  }
  std::int32_t value = 0;  // left-aligned, whatever the width
  std::memcpy(reinterpret_cast<char*>(&value) + 4 - format.bits / 8, bytes, format.bits / 8);
  return static_cast<float>(static_cast<double>(value) / 2147483648.0);
}

bool known(const Format& format) {
  if (format.kind == kFloat) return format.bits == 32;
  return format.kind == kInteger && (format.bits == 16 || format.bits == 24 || format.bits == 32);
}

std::string fnv1a(const std::string& text) {
  std::uint64_t hash = 0xCBF29CE484222325;
  for (const char byte : text) hash = (hash ^ static_cast<std::uint8_t>(byte)) * 0x100000001B3;
  std::array<char, 17> digits{};
  std::snprintf(digits.data(), digits.size(), "%016llx", static_cast<unsigned long long>(hash));
  return digits.data();
}

WavFile decoded(const std::string& text) {
  const Chunks chunks = chunks_of(Bytes{text});
  const Format& format = chunks.format;
  if (!known(format)) throw Error{"its samples are of a kind that is not read here"};
  const std::size_t width = format.bits / 8;
  const std::size_t frames = chunks.data_bytes / (width * format.channels);
  WavFile file;
  file.audio.rate = format.rate;
  file.audio.channels.assign(format.channels, std::vector<float>(frames));
  const char* bytes = text.data() + chunks.data;
  for (std::size_t frame = 0; frame < frames; ++frame) {
    for (auto& channel : file.audio.channels) {
      channel[frame] = sample_at(bytes, format);
      if (!std::isfinite(channel[frame])) throw Error{"it holds samples that are no numbers"};
      bytes += width;
    }
  }
  file.time_reference = chunks.time_reference;
  file.hash = fnv1a(text);
  return file;
}

template <class T>
void put(std::string& text, T value) {
  text.append(reinterpret_cast<const char*>(&value), sizeof(T));
}

std::string encoded(const Audio& audio, Sample time_reference) {
  const auto channels = static_cast<std::uint16_t>(audio.channels.size());
  const auto rate = static_cast<std::uint32_t>(std::lround(audio.rate));
  const auto data_bytes = static_cast<std::uint32_t>(audio.frames() * channels * sizeof(float));
  std::string text = "RIFF";
  put<std::uint32_t>(text, 4 + 8 + 16 + 8 + kBextBytes + 8 + data_bytes);
  text += "WAVEfmt ";
  put<std::uint32_t>(text, 16);
  put<std::uint16_t>(text, kFloat);
  put<std::uint16_t>(text, channels);
  put<std::uint32_t>(text, rate);
  put<std::uint32_t>(text, rate * channels * sizeof(float));
  put<std::uint16_t>(text, static_cast<std::uint16_t>(channels * sizeof(float)));
  put<std::uint16_t>(text, 32);
  text += "bext";
  put<std::uint32_t>(text, kBextBytes);
  std::string bext(kBextBytes, '\0');
  const Sample reference = std::max<Sample>(0, time_reference);  // unsigned: what is before the song begins at it
  std::memcpy(&bext[kTimeReference], &reference, sizeof(reference));
  text += bext + "data";
  put<std::uint32_t>(text, data_bytes);
  const std::size_t head = text.size();
  text.resize(head + data_bytes);
  for (std::size_t i = 0; i < channels; ++i) {  // in place: a musician waits for this
    const std::vector<float>& channel = audio.channels[i];
    for (std::size_t frame = 0; frame < channel.size(); ++frame)
      std::memcpy(&text[head + (frame * channels + i) * sizeof(float)], &channel[frame], sizeof(float));
  }
  return text;
}

}  // namespace

WavFile read_wav(const fs::path& path) {
  try {
    return decoded(load(path));
  } catch (const Error& error) {
    throw Error{path.filename().u8string() + " cannot be read: " + error.what() + "."};
  }
}

void write_wav(const fs::path& path, const Audio& audio, Sample time_reference) {
  const std::string text = encoded(audio, time_reference);
  fs::path part = path;
  part += ".part";
  {
    std::ofstream file{part, std::ios::binary | std::ios::trunc};
    if (!file.write(text.data(), static_cast<std::streamsize>(text.size())) || !file.flush()) {
      throw Error{"Cannot write " + path.u8string() + ": is the disk full, or the folder not yours to write to?"};
    }
  }
  std::error_code failed;
  fs::rename(part, path, failed);
  if (failed) throw Error{"Cannot write " + path.u8string() + ": " + failed.message() + "."};
}

Audio resampled(Audio audio, double rate) {
  if (audio.rate == rate || audio.frames() == 0) return audio;
  const auto frames = static_cast<std::size_t>(audio.frames());
  const auto wanted = static_cast<std::size_t>(std::llround(static_cast<double>(frames) * rate / audio.rate));
  Audio made{rate, {}};
  for (const auto& channel : audio.channels) {
    std::vector<float> samples(wanted);
    std::size_t done = 0;
    const soxr_quality_spec_t quality = soxr_quality_spec(SOXR_VHQ, 0);
    const soxr_error_t failed = soxr_oneshot(audio.rate, rate, 1, channel.data(), frames, nullptr, samples.data(),
                                             wanted, &done, nullptr, &quality, nullptr);
    if (failed != nullptr) throw Error{std::string{"A take cannot be resampled: "} + failed + "."};
    made.channels.push_back(std::move(samples));
  }
  return made;
}

}  // namespace punchin
