#include <cmath>
#include <cstring>
#include <fstream>

#include "test.hpp"

namespace punchin::test {
namespace {

std::string bytes_of(const std::filesystem::path& path) {
  std::ifstream file{path, std::ios::binary};
  return {std::istreambuf_iterator<char>{file}, {}};
}

void write(const std::filesystem::path& path, const std::string& bytes) {
  std::ofstream{path, std::ios::binary}.write(bytes.data(), static_cast<std::streamsize>(bytes.size()));
}

template <class T>
std::string raw(T value) {
  std::string text(sizeof(T), '\0');
  std::memcpy(text.data(), &value, sizeof(T));
  return text;
}

/// A WAV file of integers of `bits`, made by hand.
std::string integers(int bits, const std::vector<std::int32_t>& samples) {
  std::string data;
  for (const std::int32_t sample : samples) data += raw(sample).substr(0, static_cast<std::size_t>(bits / 8));
  const auto block = static_cast<std::uint16_t>(bits / 8);
  const std::string format = raw<std::uint16_t>(1) + raw<std::uint16_t>(1) + raw<std::uint32_t>(44'100) +
                             raw<std::uint32_t>(44'100U * block) + raw(block) + raw(static_cast<std::uint16_t>(bits));
  const std::string odd = "LIST" + raw<std::uint32_t>(3) + "abc" + std::string(1, '\0');
  return "RIFF" + raw<std::uint32_t>(0) + "WAVE" + odd + "fmt " + raw<std::uint32_t>(16) + format + "data" +
         raw(static_cast<std::uint32_t>(data.size())) + data;
}

TEST(what_is_written_is_read) {
  const Folder folder;
  const Audio audio = noise(12'345, 1);
  write_wav(folder / "a.wav", audio, 96'777);
  const WavFile found = read_wav(folder / "a.wav");
  CHECK(found.audio.channels == audio.channels && found.audio.rate == 48'000.0 && found.time_reference == 96'777);
  CHECK(found.hash.size() == 16 && !std::filesystem::exists(folder / "a.wav.part"));
}

TEST(integers_of_every_width_are_read) {
  const Folder folder;
  for (const int bits : {16, 24, 32}) {
    const double full = std::pow(2.0, bits - 1);
    const auto most = static_cast<std::int32_t>(full - 1.0);
    write(folder / "i.wav", integers(bits, {0, most, -most - 1, most / 2}));
    const auto samples = read_wav(folder / "i.wav").audio.channels.at(0);
    CHECK(samples.size() == 4 && samples[0] == 0.0F && samples[2] == -1.0F);
    CHECK(samples[1] == static_cast<float>(most / full) && samples[3] == static_cast<float>(most / 2 / full));
  }
}

TEST(nonsense_is_refused_and_nothing_else_happens) {
  const Folder folder;
  const Audio audio = noise(100, 2);
  write_wav(folder / "good.wav", audio, 0);
  const std::string good = bytes_of(folder / "good.wav");
  std::mt19937 random{3};
  int refused = 0;
  for (int i = 0; i < 2000; ++i) {
    std::string bad = good.substr(0, i % 3 == 0 ? random() % good.size() : good.size());
    for (int k = 0; k < 4 && !bad.empty(); ++k) bad[random() % std::min<std::size_t>(bad.size(), 700)] = static_cast<char>(random());
    write(folder / "bad.wav", bad);
    try {
      read_wav(folder / "bad.wav");
    } catch (const Error& error) {
      ++refused;
      CHECK(std::string{error.what()}.find("bad.wav cannot be read: ") == 0);
    }
  }
  CHECK(refused > 500);
  write(folder / "nan.wav", std::string{good}.replace(good.size() - 4, 4, raw(std::nanf(""))));
  try {
    read_wav(folder / "nan.wav");
    CHECK(false);
  } catch (const Error&) {
  }
}

TEST(a_take_at_another_rate_is_resampled) {
  const Folder folder;
  for (const double rate : {44'100.0, 96'000.0, 192'000.0}) {
    Audio take{48'000.0, {std::vector<float>(48'000)}};
    for (int i = 0; i < 48'000; ++i) take.channels[0][i] = static_cast<float>(0.5 * std::sin(0.1 * i));
    Engine engine;
    engine.prepare(rate, 2);
    const auto length = static_cast<Sample>(rate);
    engine.add_takes({0, length}, {take_file(folder, "take.wav", take)});
    const Audio out = play(engine, noise(length, 4, 2, rate), 0);
    double worst = 0.0;
    for (Sample i = 4800; i < length - 4800; ++i) {
      worst = std::max(worst, std::abs(out.channels[1][i] - 0.5 * std::sin(0.1 * 48'000.0 / rate * static_cast<double>(i))));
    }
    CHECK(worst < 1e-5);
  }
}

TEST(the_host_may_change_its_rate_and_come_back) {
  const Folder folder;
  const Audio song = noise(60'000, 5);
  const Audio take = noise(24'001, 6);
  Engine engine;
  engine.add_takes({20'001, 44'002}, {take_file(folder, "take.wav", take)});
  engine.select({20'001, 44'002});
  const auto before = play(engine, song, 0).channels;
  for (const double rate : {44'100.0, 96'000.0, 22'050.0, 48'000.0}) engine.prepare(rate, 2);
  CHECK((engine.selection() == Span{20'001, 44'002}));
  CHECK(play(engine, song, 0).channels == before);
}

}  // namespace
}  // namespace punchin::test
