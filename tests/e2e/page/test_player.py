"""Switching by ear is exact: what is heard is the chosen buffer, sample by sample, however often one switches."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest
from fakes.page import page
from peers.browser import Browser, browser

pytestmark = pytest.mark.e2e

NULL_TEST = """async () => {
  const { FADE, Player } = await import("/app/player.js");
  const rate = 44100, length = 3 * rate, loop = [rate / 2 + 7, 2 * rate + 11], seconds = 12, count = 17;
  const context = new OfflineAudioContext(2, seconds * rate, rate), player = new Player(context);
  let seed = 1;
  const random = () => (seed = (seed * 16807) % 2147483647) / 2147483647;
  const names = [...Array(count).keys()].map((i) => `c${i}`), levels = new Map();
  for (const name of names) {
    const buffer = new AudioBuffer({ numberOfChannels: 2, length, sampleRate: rate });
    for (let c = 0; c < 2; c++) buffer.getChannelData(c).forEach((_, i, data) => (data[i] = random() - 0.5));
    player.add(name, buffer);
    levels.set(name, LEVELS ? 0.3 + 0.7 * random() : 1);
  }
  player.setLevels(levels);
  player.loop = loop;
  player.chosen = names[0];
  const from = 12345, began = 0.0501;
  player.play(from, began);
  const first = Math.ceil(began * rate), switches = [];
  for (let i = 0; i < 50; i++) {
    switches.push({ at: 0.3 + 0.22 * i + 0.01 * random(), name: names[Math.floor(random() * count)] });
  }
  for (const each of switches) player.choose(each.name, each.at);
  const out = await context.startRendering();
  let worst = 0, lags = new Set(), checked = 0, silence = 0;
  const heardAt = (n) => {
    const at = from + n - first;
    return at < loop[1] ? at : loop[0] + ((at - loop[1]) % (loop[1] - loop[0]));
  };
  for (let i = -1; i < switches.length; i++) {
    const name = i < 0 ? names[0] : switches[i].name, level = Math.fround(levels.get(name));
    const begin = i < 0 ? first : Math.ceil((switches[i].at + FADE) * rate) + 1;
    const end = i + 1 < switches.length ? Math.floor(switches[i + 1].at * rate) - 1 : seconds * rate;
    for (let c = 0; c < 2; c++) {
      const got = out.getChannelData(c), want = player.buffers.get(name).getChannelData(c);
      for (let n = begin; n < end; n++) {
        worst = Math.max(worst, Math.abs(got[n] - level * want[heardAt(n)]));
        checked++;
      }
      for (let lag = -2; lag <= 2; lag++) {
        let error = 0;
        for (let n = begin; n < begin + 50; n++) error += Math.abs(got[n] - level * want[heardAt(n + lag)]);
        if (error < 1e-3) lags.add(lag);
      }
    }
  }
  for (let n = 0; n < first; n++) silence = Math.max(silence, Math.abs(out.getChannelData(0)[n]));
  return { worst, lags: [...lags], checked, silence };
}"""


@pytest.fixture(scope="module")
def tab(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Browser]:
    folder: Path = tmp_path_factory.mktemp("page")
    with page(folder) as running, browser() as found:
        found.open(f"http://127.0.0.1:{running.edge.port}/")
        yield found


@pytest.mark.parametrize("levels", ["false", "true"])
def test_what_is_heard_is_what_was_chosen(tab: Browser, levels: str) -> None:
    """17 voices in a loop, 50 switches at odd times: no residual, no lag, all but the ramps of 8 ms checked."""
    found = tab.run(NULL_TEST.replace("LEVELS", levels))
    assert found["worst"] <= 1e-7
    assert found["lags"] == [0]
    assert found["silence"] == 0.0
    assert found["checked"] > 2 * 10 * 44_100


def test_a_ramp_that_is_interrupted_goes_on_from_where_it_is(tab: Browser) -> None:
    """Two switches within one ramp: no step is larger than the ramp's own."""
    steepest = tab.run(
        """async () => {
          const { FADE, Player } = await import("/app/player.js");
          const rate = 48000, context = new OfflineAudioContext(1, rate, rate), player = new Player(context);
          for (const [name, value] of [["a", 1], ["b", 0]]) {
            const buffer = new AudioBuffer({ length: rate, sampleRate: rate });
            buffer.getChannelData(0).fill(value);
            player.add(name, buffer);
          }
          player.chosen = "a";
          player.play(0, 0);
          player.choose("b", 0.2);
          player.choose("a", 0.2 + FADE / 3);
          player.choose("b", 0.2 + FADE / 2);
          const out = (await context.startRendering()).getChannelData(0);
          let most = 0;
          for (let n = 4800; n < rate; n++) most = Math.max(most, Math.abs(out[n] - out[n - 1]));
          return [most * FADE * rate, out[rate - 1]];
        }"""
    )
    assert steepest[0] < 1.05
    assert steepest[1] == 0.0


def test_a_take_that_comes_while_it_plays_is_in_step(tab: Browser) -> None:
    """In a live context: the late voice runs at the same place as the others."""
    found = tab.run(
        """async () => {
          const { Player } = await import("/app/player.js");
          const context = new AudioContext({ sampleRate: 44100 }), player = new Player(context);
          await context.resume();
          const rate = 44100, one = new AudioBuffer({ length: 4 * rate, sampleRate: rate });
          one.getChannelData(0).forEach((_, i, data) => (data[i] = Math.sin(i * i * 1e-4)));
          player.add("one", one);
          player.loop = [0, 4 * rate];
          player.chosen = "one";
          player.play(1000);
          await new Promise((done) => setTimeout(done, 300));
          const other = new AudioBuffer({ length: 4 * rate, sampleRate: rate });
          other.copyToChannel(one.getChannelData(0).map((x) => -x), 0);
          player.add("other", other);
          player.voices.get("other").gain.gain.value = 1;
          const meter = context.createScriptProcessor(4096, 1, 1);
          const sums = [];
          for (const voice of player.voices.values()) voice.gain.connect(meter);
          meter.connect(context.destination);
          await new Promise((done) => {
            meter.onaudioprocess = (event) => {
              sums.push(Math.max(...event.inputBuffer.getChannelData(0).map(Math.abs)));
              if (sums.length >= 12) done();
            };
          });
          await context.close();
          return sums.slice(-4);
        }"""
    )
    assert max(found) < 1e-6


def test_what_grows_while_it_plays_is_heard_without_a_seam(tab: Browser) -> None:
    """Its buffer is filled further five times, also within a ramp: no sample is missed or comes twice."""
    found = tab.run(
        """async () => {
          const { FADE, Player } = await import("/app/player.js");
          const rate = 48000, length = 3 * rate, context = new OfflineAudioContext(1, length, rate);
          const whole = Float32Array.from({ length }, () => Math.random() - 0.5), player = new Player(context);
          const came = (seconds) => {
            const buffer = new AudioBuffer({ length, sampleRate: rate });
            buffer.copyToChannel(whole.subarray(0, Math.round(seconds * rate)), 0);
            player.add("grows", buffer);
          };
          player.add("song", new AudioBuffer({ length, sampleRate: rate }));
          came(0.5);
          player.chosen = "song";
          player.play(0, 0);
          player.choose("grows", 0.2);
          for (const at of [0.2, 0.4, 0.7, 1.0, 1.5]) {
            void context.suspend(at).then(() => {
              came(2 * at + 0.3);
              void context.resume();
            });
          }
          const out = (await context.startRendering()).getChannelData(0);
          let worst = 0;
          for (let n = Math.ceil((0.2 + FADE) * rate) + 1; n < length; n++) {
            worst = Math.max(worst, Math.abs(out[n] - whole[n]));
          }
          return [worst, player.voices.size];
        }"""
    )
    assert found[0] <= 1e-7
    assert found[1] == 2


def test_the_difference_is_what_the_take_changes_and_nothing_else(tab: Browser) -> None:
    """Where both are the same, silence to the bit; elsewhere the take less the song, both as loud as the take."""
    found = tab.run(
        """async () => {
          const { FADE, Player } = await import("/app/player.js");
          const rate = 44100, context = new OfflineAudioContext(1, 2 * rate, rate), player = new Player(context);
          const noise = () => Float32Array.from({ length: 2 * rate }, () => Math.random() - 0.5);
          const song = noise(), take = song.slice();
          take.set(noise().subarray(0, rate / 2), rate);
          for (const [name, data] of [["song", song], ["take", take]]) {
            const buffer = new AudioBuffer({ length: 2 * rate, sampleRate: rate });
            buffer.copyToChannel(data, 0);
            player.add(name, buffer);
          }
          player.setLevels(new Map([["song", 1], ["take", 0.7]]));
          player.chosen = "take";
          player.base = "song";
          player.play(0, 0);
          player.subtract("", 1.8);
          const out = (await context.startRendering()).getChannelData(0), g = Math.fround(0.7);
          let outside = 0, inside = 0, whole = 0;
          for (let n = 0; n < 1.79 * rate; n++) {
            if (n < rate || n >= 1.5 * rate) outside = Math.max(outside, Math.abs(out[n]));
            else inside = Math.max(inside, Math.abs(out[n] - g * (take[n] - song[n])));
          }
          for (let n = Math.ceil((1.8 + FADE) * rate) + 1; n < 2 * rate; n++) {
            whole = Math.max(whole, Math.abs(out[n] - g * take[n]));
          }
          return { outside, inside, whole };
        }"""
    )
    assert found["outside"] == 0.0
    assert found["inside"] < 1e-6
    assert found["whole"] <= 1e-7


def test_how_likely_hits_are_for_who_guesses(tab: Browser) -> None:
    """Against scipy's binomial distribution."""
    from scipy.stats import binom

    cases = [(0, 0), (0, 1), (1, 1), (5, 10), (9, 10), (16, 16), (30, 60), (61, 100), (100, 100)]
    found = tab.run(
        f"async () => {{ const {{ chance }} = await import('/app/abx.js');"
        f" return {[list(case) for case in cases]}.map(([hits, trials]) => chance(hits, trials)); }}"
    )
    assert found == pytest.approx([float(binom.sf(hits - 1, trials, 0.5)) for hits, trials in cases], rel=1e-9)


def test_a_sweep_is_a_matrix_of_what_differs(tab: Browser) -> None:
    """Of one seed and one target; by numbers, not letters; none where nothing or too much differs."""
    found = tab.run(
        """async () => {
          const { gridOf } = await import("/app/views/matrix.js");
          const take = (id, seed, values) => ({ id, seed, to: "violin", values });
          const swept = ["0.5", "1", "10"].flatMap((alpha) =>
            ["1", "2x4"].map((pooling) => take(`${alpha} ${pooling}`, 7, { alpha, pooling, steps: "50" })));
          const grid = gridOf([...swept, take("other", 8, { alpha: "3", pooling: "1", steps: "50" })]);
          const three = [...swept, take("a", 7, { alpha: "1", pooling: "1", steps: "20" })];
          const none = [gridOf(three), gridOf(swept.slice(0, 1)), gridOf([])];
          return [grid.seed, grid.columns, grid.rows, grid.cells.size, ...none];
        }"""
    )
    assert found == [7, ["alpha", ["0.5", "1", "10"]], ["pooling", ["1", "2x4"]], 6, None, None, None]
