#include <cmath>

#include "clock.hpp"
#include "metre.hpp"
#include "test.hpp"

namespace punchin::test {
namespace {

TEST(what_goes_on_is_believed_from_its_first_block) {
  Clock clock;
  CHECK(!clock.follow(true, 1000, 256).sound);
  CHECK(*clock.follow(true, 1256, 256).sound == Span{1000, 1512});
  CHECK(*clock.follow(true, 1512, 64).sound == Span{1512, 1576});
}

TEST(a_clock_that_rounds_goes_on) {
  Clock clock;
  clock.follow(true, 0, 100);
  const Placing late = clock.follow(true, 101, 100);
  CHECK(late.goes_on && late.sample() == 100);
  const Placing early = clock.follow(true, 199, 100);
  CHECK(early.goes_on && early.sample() == 200);
}

TEST(a_jump_back_to_where_it_began_is_a_loop) {
  Clock clock;
  for (Sample at = 4800; at < 9600; at += 480) CHECK(!clock.follow(true, at, 480).looped);
  CHECK(*clock.follow(true, 4800, 480).looped == Span{4800, 9600});
  clock.follow(true, 5280, 480);
  CHECK(!clock.follow(true, 7200, 480).looped);  // a jump forward
}

TEST(nothing_played_at_another_speed_is_believed) {
  for (const double speed : {0.5, 1.5, 2.0, 0.97}) {
    Clock clock;
    double place = 10'000.0;
    for (int block = 0; block < 50; ++block) {
      const Placing placing = clock.follow(true, std::llround(place), 256);
      CHECK(!placing.sound);
      if (block > 3) CHECK(std::abs(placing.speed - speed) < 0.02 && std::abs(placing.at - place) <= 3.0);
      place += 256.0 * speed;
    }
  }
}

TEST(backwards_nobody_knows_what_sounds) {
  Clock clock;
  for (int block = 0; block < 9; ++block) {
    const Placing placing = clock.follow(true, 100'000 - 256 * block, 256);
    CHECK(!placing.sound);
    if (block > 1) CHECK(placing.speed == 0.0);
  }
}

TEST(standing_still_is_no_jump) {
  Clock clock;
  clock.follow(true, 0, 256);
  CHECK(!clock.follow(false, 256, 256).goes_on);
  const Placing again = clock.follow(true, 256, 256);
  CHECK(!again.goes_on && again.speed == 1.0 && !again.looped);
}

bool is(BarBeat where, int bar, double beat) { return where.bar == bar && std::abs(where.beat - beat) < 1e-9; }

TEST(bars_and_beats_of_any_time_signature) {
  CHECK(is(bar_and_beat(0.0, {}, {}, 4, 4), 1, 0.0));
  CHECK(is(bar_and_beat(9.5, {}, {}, 4, 4), 3, 1.5));
  CHECK(is(bar_and_beat(10.4, {}, {}, 7, 8), 3, 6.8));  // bars of 3.5 quarters
  CHECK(is(bar_and_beat(10.5, {}, {}, 7, 8), 4, 0.0));
  CHECK(is(bar_and_beat(4.5, {}, {}, 6, 8), 2, 3.0));
  CHECK(is(bar_and_beat(-1.0, {}, {}, 4, 4), 0, 3.0));  // a pre-roll
}

TEST(a_host_that_knows_its_bar_is_believed) {
  // Four bars of 4/4, then 3/4: quarter 17 is the second beat of bar 5.
  CHECK(is(bar_and_beat(17.0, 16.0, 5, 3, 4), 5, 1.0));
  CHECK(is(bar_and_beat(17.0, 16.0, {}, 3, 4), 6, 1.0));  // the number is a guess, the beat is not
}

}  // namespace
}  // namespace punchin::test
