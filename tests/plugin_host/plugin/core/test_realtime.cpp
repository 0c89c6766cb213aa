#include <atomic>
#include <nlohmann/json.hpp>
#include <thread>

#include "test.hpp"

namespace punchin::test {
namespace {

/// A song that is played in loops and jumps while everything else happens on other threads.
struct Busy {
  Folder folder;
  Engine engine;
  Audio song = noise(96'000, 1);
  TakeRef one = take_file(folder, "1.wav", noise(20'000, 2));
  TakeRef two = take_file(folder, "2.wav", noise(20'000, 3));
  std::atomic<bool> done{false};
  std::vector<std::thread> threads;

  void others() {
    engine.add_takes({10'000, 30'000}, {one, two});
    const std::string saved = engine.save();
    during([this, saved] { engine.load(saved); });
    during([this] {
      engine.add_takes({40'000, 60'000}, {two});
      engine.remove_region(engine.regions().regions.size() - 1);
    });
    during([this] {
      engine.choose(1 + engine.choice() % 2);
      engine.set_original(!engine.original());
    });
    during([this] {
      (void)engine.snapshot({0, 96'000});
      (void)engine.peaks({0, 96'000}, 300);
      (void)engine.notes({0, 96'000});
      (void)engine.tempos({0, 96'000});
      (void)engine.transport();
      (void)engine.loop();
      engine.tend();
    });
    during([this] {
      (void)engine.save();
      engine.select({1, 2});
      engine.set_settings({{"a", 1}});
    });
  }

  void during(std::function<void()> again) {
    threads.emplace_back([this, again = std::move(again)] {
      while (!done) {
        again();
        std::this_thread::yield();
      }
    });
  }

  /// How often the real-time thread did what it must not; outside the regions the output must be the input.
  int play_on(int blocks) {
    int broken = 0;
    std::mt19937 random{4};
    Audio out = noise(8192, 5);
    Sample at = 0;
    for (int i = 0; i < blocks; ++i) {
      const Sample frames = 1 + static_cast<Sample>(random() % 1024);
      if (at + frames > song.frames() || random() % 50 == 0) at = static_cast<Sample>(random() % 80'000);
      Transport transport = rolling_at(at);
      transport.rolling = random() % 100 != 0;
      transport.metered = true;
      transport.bar = static_cast<int>(at / 24'000) + 1;
      const float* input[2] = {&song.channels[0][at], &song.channels[1][at]};
      float* output[2] = {out.channels[0].data(), out.channels[1].data()};
      const std::uint8_t note[3] = {0x90, 60, 100};
      trap_begin();
      engine.midi(0, note, 3);
      engine.process(input, output, 2, frames, transport);
      broken += std::max(0, trap_end());
      for (Sample k = 0; k < frames; ++k) {
        const bool inside = Span{10'000, 30'000}.contains(at + k) || Span{40'000, 60'000}.contains(at + k);
        if (!inside) CHECK(out.channels[0][k] == song.channels[0][at + k]);
      }
      at += frames;
    }
    done = true;
    for (auto& thread : threads) thread.join();
    return broken;
  }
};

TEST(the_real_time_thread_allocates_locks_and_frees_nothing) {
  trap_begin();
  void* volatile memory = std::malloc(1);  // volatile: else the compiler leaves both out
  std::free(memory);
  CHECK(trap_end() != 0);  // the trap works, or is not there (-1)
  Busy busy;
  busy.others();
  CHECK(busy.play_on(20'000) == 0);
}

TEST(all_threads_at_once) {
  Busy busy;
  busy.others();
  busy.play_on(4000);
}

}  // namespace
}  // namespace punchin::test
