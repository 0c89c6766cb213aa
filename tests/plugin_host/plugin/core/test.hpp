// What the tests of the core share.
#pragma once

#include <cstdio>
#include <cstdlib>
#include <filesystem>
#include <functional>
#include <map>
#include <memory>
#include <random>
#include <string>
#include <vector>

#include "engine.hpp"
#include "wav.hpp"

namespace punchin::test {

inline std::map<std::string, std::function<void()>>& tests() {
  static std::map<std::string, std::function<void()>> all;
  return all;
}

struct Register {
  Register(const char* name, std::function<void()> run) { tests()[name] = std::move(run); }
};

#define TEST(name)                                             \
  static void name();                                          \
  static const punchin::test::Register registered_##name{#name, name}; \
  static void name()

#define CHECK(...)                                                                   \
  do {                                                                               \
    if (!(__VA_ARGS__)) {                                                            \
      std::fprintf(stderr, "%s:%d: not so: %s\n", __FILE__, __LINE__, #__VA_ARGS__); \
      std::exit(1);                                                                  \
    }                                                                                \
  } while (false)

/// A folder that goes when the test does.
class Folder {
 public:
  Folder() {
    std::string name = (std::filesystem::temp_directory_path() / "punchin-XXXXXX").string();
    CHECK(mkdtemp(name.data()) != nullptr);
    path_ = name;
  }
  ~Folder() { std::filesystem::remove_all(path_); }
  std::filesystem::path operator/(const std::string& name) const { return path_ / name; }
  const std::filesystem::path& path() const { return path_; }

 private:
  std::filesystem::path path_;
};

inline Audio noise(Sample frames, unsigned seed, int channels = 2, double rate = 48'000.0) {
  std::mt19937 random{seed};
  std::uniform_real_distribution<float> value{-0.5F, 0.5F};
  Audio audio{rate, std::vector<std::vector<float>>(channels, std::vector<float>(frames))};
  for (auto& channel : audio.channels) {
    for (float& sample : channel) sample = value(random);
  }
  return audio;
}

inline Transport rolling_at(Sample sample) {
  Transport transport;
  transport.rolling = true;
  transport.sample = sample;
  return transport;
}

/// `song` through the engine as if its first sample were song sample `at`, in blocks of 1 to `most`.
inline Audio play(Engine& engine, const Audio& song, Sample at, Sample most = 512, unsigned seed = 1) {
  std::mt19937 random{seed};
  std::uniform_int_distribution<Sample> size{1, most};
  Audio out = song;
  const int channels = static_cast<int>(song.channels.size());
  for (Sample done = 0; done < song.frames();) {
    const Sample frames = std::min(size(random), song.frames() - done);
    const float* input[kChannels] = {};
    float* output[kChannels] = {};
    for (int i = 0; i < channels; ++i) {
      input[i] = &song.channels[i][done];
      output[i] = &out.channels[i][done];
    }
    engine.process(input, output, channels, frames, rolling_at(at + done));
    done += frames;
  }
  return out;
}

/// `part` of what was played from song sample `at` on.
inline Audio cut(const Audio& audio, Sample at, Span part) {
  Audio made{audio.rate, {}};
  for (const auto& channel : audio.channels) {
    made.channels.emplace_back(channel.begin() + (part.start - at), channel.begin() + (part.end - at));
  }
  return made;
}

inline TakeRef take_file(const Folder& folder, const std::string& name, const Audio& audio) {
  write_wav(folder / name, audio, 0);
  return {(folder / name).string(), "", name};
}

}  // namespace punchin::test

// In trap.cpp, or nothing under sanitizers.
extern "C" void trap_begin();
extern "C" int trap_end();  ///< How often this thread allocated, freed or locked since `trap_begin`; -1: not watched.
