#include "test.hpp"

namespace punchin::test {
namespace {

void expect(const Engine& engine, Span span, const Audio& song, Sample at) {
  const Recording found = engine.snapshot(span);
  CHECK(found.heard == std::vector<Span>{span});
  CHECK(found.audio.channels == cut(song, at, span).channels);
}

TEST(the_ring_holds_what_passed_through) {
  Engine engine;
  const Audio song = noise(200'000, 1);
  CHECK(play(engine, song, 96'777).channels == song.channels);
  CHECK(engine.extent() == Span{96'777, 296'777});
  expect(engine, {100'001, 250'003}, song, 96'777);
}

TEST(a_pre_roll_before_the_song_is_held_too) {
  Engine engine;
  const Audio song = noise(20'000, 2);
  play(engine, song, -1776);
  expect(engine, {-1776, 18'000}, song, -1776);
}

TEST(places_are_held_beside_one_another) {
  Engine engine;
  const Audio first = noise(30'000, 3);
  const Audio second = noise(30'000, 4);
  play(engine, first, 500'000);
  play(engine, second, 100'000);
  expect(engine, {500'000, 530'000}, first, 500'000);
  expect(engine, {100'000, 130'000}, second, 100'000);
  CHECK(engine.heard({0, 1'000'000}) == std::vector<Span>{{100'000, 130'000}, {500'000, 530'000}});
  const Recording gap = engine.snapshot({129'990, 130'010});
  CHECK(gap.audio.channels[0][9] == second.channels[0][29'999] && gap.audio.channels[0][10] == 0.0F);
}

TEST(what_is_played_again_replaces_what_was) {
  Engine engine;
  const Audio first = noise(50'000, 5);
  const Audio second = noise(10'000, 6);
  play(engine, first, 0);
  play(engine, second, 20'123);
  expect(engine, {0, 20'123}, first, 0);
  expect(engine, {20'123, 30'123}, second, 20'123);
  expect(engine, {30'123, 50'000}, first, 0);
}

TEST(a_loop_is_held_whole_in_any_block_size) {
  for (const Sample most : {1, 33, 512, 8192}) {
    Engine engine;
    const Audio bar = noise(24'000, 7);
    for (int pass = 0; pass < 4; ++pass) play(engine, bar, 10'007, most, 10 + pass);
    expect(engine, {10'007, 34'007}, bar, 10'007);
  }
}

TEST(another_speed_is_not_taken_for_the_song) {
  Engine engine;
  const Audio song = noise(48'000, 8);
  play(engine, song, 0, 256);
  const Audio fast = noise(256, 9);
  for (int block = 0; block < 40; ++block) play(engine, fast, 4000 + block * 384, 1000);
  for (const Span& part : engine.heard({0, 48'000})) {
    if (!overlap(part, {4000, 4000 + 39 * 384 + 256}).empty()) expect(engine, part, song, 0);
  }
}

TEST(after_ten_minutes_the_oldest_is_overwritten_and_no_more_memory_is_taken) {
  Engine engine;
  engine.prepare(8000.0, 1);
  CHECK(engine.most_memory() < 8000 * 600 * 4 * 1.05);
  const Audio minute = noise(8000 * 60, 10, 1, 8000.0);
  for (int i = 0; i < 12; ++i) play(engine, minute, i * 8000 * 60, 8192);
  const auto heard = engine.heard({0, 8000 * 60 * 12});
  CHECK(heard.size() == 1 && heard[0].end == 8000 * 60 * 12 && heard[0].length() >= 8000 * 600);
  expect(engine, {8000 * 60 * 11, 8000 * 60 * 12}, minute, 8000 * 60 * 11);
}

TEST(peaks_are_those_of_what_was_heard) {
  Engine engine;
  Audio song = noise(96'000, 11);
  song.channels[1][50'000] = 0.9F;
  song.channels[0][70'000] = -0.8F;
  play(engine, song, 0);
  for (const std::size_t columns : {10, 96, 5000}) {
    const auto peaks = engine.peaks({0, 192'000}, columns);
    CHECK(peaks.size() == columns && peaks.front().heard && !peaks.back().heard);
    CHECK(peaks[50'000 * columns / 192'000].high == 0.9F && peaks[70'000 * columns / 192'000].low == -0.8F);
  }
  song.channels[0][70'000] = 0.0F;
  play(engine, song, 0);
  CHECK(engine.peaks({0, 192'000}, 10)[70'000 * 10 / 192'000].low > -0.6F);
}

TEST(notes_and_tempos_that_are_played_again_replace_the_old) {
  Engine engine;
  const Audio block = noise(1000, 12);
  const float* input[2] = {block.channels[0].data(), block.channels[1].data()};
  Audio out = block;
  float* output[2] = {out.channels[0].data(), out.channels[1].data()};
  const auto pass = [&](Sample from, int blocks, std::uint8_t key, double bpm) {
    for (int i = 0; i < blocks; ++i) {
      Transport at = rolling_at(from + i * 1000);
      at.metered = true;
      at.bpm = bpm;
      at.bar = 1 + i / 2;
      const std::uint8_t on[3] = {0x90, static_cast<std::uint8_t>(key + i), 100};
      engine.midi(10, on, 3);
      engine.process(input, output, 2, 1000, at);
    }
    Transport still;
    engine.process(input, output, 2, 1000, still);
  };
  pass(0, 10, 40, 120.0);
  CHECK(engine.notes({0, 10'000}).size() == 10);
  CHECK(engine.tempos({0, 10'000}).size() == 5);
  pass(3000, 3, 80, 90.0);
  const auto notes = engine.notes({0, 10'000});
  CHECK(notes.size() == 10);
  for (const Note& note : notes) {
    const auto nth = static_cast<std::uint8_t>((note.sample - 10) / 1000);
    CHECK(note.bytes[1] == (nth >= 3 && nth < 6 ? 80 + nth - 3 : 40 + nth));
  }
  const auto tempos = engine.tempos({3000, 5000});
  CHECK(tempos.front().sample == 3000 && tempos.front().bpm == 90.0);
  CHECK(engine.tempos({2500, 2600}).front().bpm == 120.0);
}

}  // namespace
}  // namespace punchin::test
