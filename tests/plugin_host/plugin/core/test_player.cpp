#include <cmath>

#include "test.hpp"

namespace punchin::test {
namespace {

constexpr Span kRegion{96'777, 120'777};

Audio with(const Audio& song, Sample at, Span region, const Audio& take) {
  Audio made = song;
  for (std::size_t channel = 0; channel < made.channels.size(); ++channel) {
    const auto& from = take.channels[channel < take.channels.size() ? channel : 0];
    std::copy(from.begin(), from.end(), made.channels[channel].begin() + (region.start - at));
  }
  return made;
}

TEST(inside_is_the_take_to_the_sample_outside_the_input_bit_for_bit) {
  const Folder folder;
  Engine engine;
  const Audio song = noise(200'000, 1);
  const Audio take = noise(kRegion.length(), 2);
  engine.add_takes(kRegion, {take_file(folder, "take.wav", take)});
  const Audio want = with(song, 50'000, kRegion, take);
  for (const Sample most : {1, 7, 512, 8192}) {
    CHECK(play(engine, song, 50'000, most).channels == want.channels);
  }
  play(engine, song, 10'000'000);  // a locate
  CHECK(play(engine, cut(want, 50'000, {100'000, 130'000}), 100'000).channels ==
        with(cut(want, 50'000, {100'000, 130'000}), 100'000, {100'000, 120'777},
             cut(take, kRegion.start, {100'000, 120'777})).channels);
}

TEST(output_may_be_input) {
  const Folder folder;
  Engine engine;
  const Audio song = noise(40'000, 3);
  const Audio take = noise(10'000, 4);
  engine.add_takes({5000, 15'000}, {take_file(folder, "take.wav", take)});
  Audio buffer = song;
  for (Sample done = 0; done < song.frames(); done += 2000) {
    float* channels[2] = {&buffer.channels[0][done], &buffer.channels[1][done]};
    engine.process(channels, channels, 2, 2000, rolling_at(done));
  }
  CHECK(buffer.channels == with(song, 0, {5000, 15'000}, take).channels);
  CHECK(engine.snapshot({0, 40'000}).audio.channels == song.channels);  // the ring has what came in
}

TEST(standing_still_the_input_passes) {
  const Folder folder;
  Engine engine;
  const Audio song = noise(1000, 5);
  engine.add_takes({0, 1000}, {take_file(folder, "take.wav", noise(1000, 6))});
  Audio out = noise(1000, 7);
  const float* input[2] = {song.channels[0].data(), song.channels[1].data()};
  float* output[2] = {out.channels[0].data(), out.channels[1].data()};
  engine.process(input, output, 2, 1000, Transport{});
  CHECK(out.channels == song.channels && engine.extent().empty());
}

TEST(takes_are_switched_by_a_ramp_of_8_ms) {
  const Folder folder;
  Engine engine;
  const Audio song{48'000.0, {std::vector<float>(20'000, 0.0F), std::vector<float>(20'000, 0.0F)}};
  const Audio one{48'000.0, {std::vector<float>(20'000, 0.25F)}};
  const Audio two{48'000.0, {std::vector<float>(20'000, 0.75F)}};
  engine.add_takes({0, 20'000}, {take_file(folder, "1.wav", one), take_file(folder, "2.wav", two)});
  const auto step = [&](Sample from) { return play(engine, cut(song, 0, {from, from + 5000}), from, 200).channels[1]; };
  CHECK(step(0) .back() == 0.25F);
  engine.choose(2);
  auto heard = step(5000);
  CHECK(heard[0] == 0.25F && heard[384] == 0.75F && heard[383] < 0.75F);
  for (int i = 1; i < 384; ++i) CHECK(std::abs(heard[i] - heard[i - 1] - 0.5F / 384.0F) < 1e-6F);
  engine.set_original(true);
  heard = step(10'000);
  CHECK(heard[0] == 0.75F && heard[192] < 0.38F && heard[192] > 0.37F && heard[384] == 0.0F);
  engine.set_original(false);
  engine.choose(0);
  CHECK(step(15'000).back() == 0.0F);
}

TEST(what_was_changed_while_the_song_stood_still_is_heard_from_the_first_sample) {
  const Folder folder;
  Engine engine;
  const Audio song = noise(10'000, 18);
  const Audio take = noise(10'000, 19);
  engine.add_takes({0, 10'000}, {take_file(folder, "take.wav", take)});
  CHECK(play(engine, song, 0).channels == take.channels);
  engine.set_original(true);
  CHECK(play(engine, song, 0).channels == song.channels);
}

TEST(an_instrument_that_never_sounds_twice_the_same_does_not_click_at_the_edges) {
  const Folder folder;
  const auto level = [](float value) {
    return Audio{48'000.0, {std::vector<float>(30'000, value), std::vector<float>(30'000, value)}};
  };
  Engine engine;
  play(engine, level(0.1F), 0);  // as it was when the take was made, which begins and ends so
  Audio take{48'000.0, {std::vector<float>(10'000, 0.1F)}};
  std::fill(take.channels[0].begin() + 2000, take.channels[0].end() - 2000, 0.3F);
  engine.add_takes({10'000, 20'000}, {take_file(folder, "take.wav", take)});
  CHECK(play(engine, level(0.1F), 0).channels[1] == with(level(0.1F), 0, {10'000, 20'000}, take).channels[1]);
  const std::string saved = engine.save();
  Engine again;
  again.load(saved);
  for (Engine* of : {&engine, &again}) {
    const auto heard = play(*of, level(-0.4F), 0).channels[1];
    CHECK(heard[9'999] == -0.4F && heard[20'000] == -0.4F);
    for (Sample i = 9'990; i < 10'300; ++i) CHECK(std::abs(heard[i] - heard[i - 1]) < 0.0022F);
    for (Sample i = 19'700; i < 20'010; ++i) CHECK(std::abs(heard[i] - heard[i - 1]) < 0.0022F);
    for (Sample i = 10'240; i < 19'760; ++i) CHECK(heard[i] == take.channels[0][i - 10'000]);
  }
}

TEST(a_later_region_lies_over_an_earlier_one_and_each_keeps_its_choice) {
  const Folder folder;
  Engine engine;
  const Audio song = noise(30'000, 8);
  const Audio a1 = noise(10'000, 9);
  const Audio a2 = noise(10'000, 10);
  const Audio b = noise(10'000, 11);
  engine.add_takes({0, 10'000}, {take_file(folder, "a1.wav", a1), take_file(folder, "a2.wav", a2)});
  engine.choose(2);
  engine.add_takes({5000, 15'000}, {take_file(folder, "b.wav", b)});
  CHECK(engine.choice() == 1 && engine.regions().active == 1 && engine.regions().regions[0].choice == 2);
  const Audio want = with(with(song, 0, {0, 10'000}, a2), 0, {5000, 15'000}, b);
  CHECK(play(engine, song, 0).channels == want.channels);
  engine.activate(0);
  CHECK(engine.choice() == 2);
  engine.choose(1);
  engine.remove_region(1);
  CHECK(play(engine, song, 0).channels == with(song, 0, {0, 10'000}, a1).channels);
}

TEST(further_takes_of_the_same_bars_are_added_and_the_first_new_one_is_heard) {
  const Folder folder;
  Engine engine;
  engine.add_takes({0, 1000}, {take_file(folder, "1.wav", noise(1000, 12)), take_file(folder, "2.wav", noise(1000, 13))});
  engine.add_takes({0, 1000}, {take_file(folder, "3.wav", noise(1000, 14))});
  CHECK(engine.regions().regions.size() == 1 && engine.regions().regions[0].takes.size() == 3 && engine.choice() == 3);
}

TEST(a_take_that_is_not_there_lets_the_original_pass) {
  const Folder folder;
  Engine engine;
  const Audio song = noise(30'000, 15);
  engine.add_takes({0, 10'000}, {{(folder / "gone.wav").string(), "", ""}});
  CHECK(play(engine, song, 0).channels == song.channels);
  CHECK(engine.regions().regions[0].takes[0].found.empty());
  CHECK(engine.regions().regions[0].takes[0].problem.find("gone.wav is missing") == 0);
  engine.choose(7);
  CHECK(play(engine, song, 0).channels == song.channels);
}

TEST(mono_and_stereo_takes_in_mono_and_stereo_tracks) {
  const Folder folder;
  for (const int channels : {1, 2}) {
    for (const int of_take : {1, 2}) {
      Engine engine;
      engine.prepare(44'100.0, channels);
      const Audio song = noise(20'000, 16, channels, 44'100.0);
      const Audio take = noise(10'000, 17, of_take, 44'100.0);
      engine.add_takes({3000, 13'000}, {take_file(folder, "take.wav", take)});
      CHECK(play(engine, song, 0).channels == with(song, 0, {3000, 13'000}, take).channels);
    }
  }
}

TEST(at_another_speed_the_take_goes_with_the_song) {
  const Folder folder;
  Engine engine;
  Audio take{48'000.0, {std::vector<float>(96'000)}};
  for (int i = 0; i < 96'000; ++i) take.channels[0][i] = 0.5F * std::sin(0.01F * static_cast<float>(i));
  engine.add_takes({0, 96'000}, {take_file(folder, "take.wav", take)});
  const std::vector<float> silence(256);
  std::vector<float> out(256);
  for (int block = 0; block < 100; ++block) {
    const float* input[2] = {silence.data(), silence.data()};
    float* output[2] = {out.data(), out.data()};
    engine.process(input, output, 2, 256, rolling_at(block * 384));
    if (block < 4) continue;
    for (int i = 0; i < 256; ++i) {
      CHECK(std::abs(out[i] - 0.5F * std::sin(0.01F * (static_cast<float>(block * 384) + 1.5F * static_cast<float>(i)))) < 0.02F);
    }
  }
}

}  // namespace
}  // namespace punchin::test
