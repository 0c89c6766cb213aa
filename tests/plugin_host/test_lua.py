"""The Lua that host scripts share: JSON, the spool, WAV files, time, and what is asked for."""

from __future__ import annotations

import json
import math
from pathlib import Path
from typing import Any

import lupa.lua53
import lupa.lua54
import numpy as np
import pytest
import soundfile
from hypothesis import given
from hypothesis import strategies as st

SHARED = Path(__file__).resolve().parents[2] / "plugin_host" / "lua"
VALUES = st.recursive(
    st.none()
    | st.booleans()
    | st.integers(-(2**53), 2**53)
    | st.floats(allow_nan=False, allow_infinity=False)
    | st.text(),
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.text(), inner, max_size=4),
    max_leaves=20,
)


@pytest.fixture(scope="module", params=[lupa.lua53, lupa.lua54], ids=["5.3", "5.4"])
def lua(request: pytest.FixtureRequest) -> Any:
    runtime = request.param.LuaRuntime(unpack_returned_tuples=True, encoding=None)
    runtime.execute(b"function chunk (path, ...) return assert (loadfile (path)) (...) end")
    return runtime


@pytest.fixture(scope="module")
def shared(lua: Any) -> Any:
    chunk = lua.globals()[b"chunk"]
    found = lua.table()
    found[b"json"] = chunk(str(SHARED / "json.lua").encode())
    found[b"spool"] = chunk(str(SHARED / "spool.lua").encode(), found[b"json"])
    found[b"commands"] = chunk(str(SHARED / "commands.lua").encode(), found[b"json"])
    for name in ("wav", "clock"):
        found[name.encode()] = chunk(str(SHARED / f"{name}.lua").encode())
    lua.globals()[b"shared"] = found
    return lua


@given(value=VALUES)
def test_json_says_again_what_it_read(shared: Any, value: Any) -> None:
    again = shared.eval(b"function (text) return shared.json.encode (shared.json.decode (text)) end")
    for text in (json.dumps(value), json.dumps(value, ensure_ascii=False, indent=1)):
        assert json.loads(again(text.encode("utf-8", "surrogatepass"))) == value


@given(text=st.text(max_size=30) | st.sampled_from(["[1,]", '{"a"}', '"\\x"', "tru", "1 2", "[" * 99, '{"a":1', "-"]))
def test_what_is_no_json_is_nil_and_no_crash(shared: Any, text: str) -> None:
    found = shared.eval(b"function (text) local v = shared.json.try (text); return v ~= nil end")(
        text.encode("utf-8", "replace")
    )
    try:
        json.loads(text)
    except ValueError:
        assert not found


def test_numbers_that_json_lacks_are_refused(shared: Any) -> None:
    fails = shared.eval(b"function (value) return not pcall (shared.json.encode, { value = value }) end")
    assert fails(math.nan)
    assert fails(math.inf)
    assert not fails(1.5)


def test_documents_come_in_order_and_whole(shared: Any, tmp_path: Path) -> None:
    (tmp_path / "inbox").mkdir()
    shared.globals()[b"root"] = str(tmp_path).encode()
    shared.execute(
        b'link = shared.spool.open (root, "ardour-1")\n'
        b'for i = 1, 3 do assert (link.post ({ type = "cancel", job = "job" .. i })) end\n'
        b'assert (link.post ({ type = "hello" })) assert (link.post ({ type = "hello" }))'
    )
    names = sorted(path.name for path in (tmp_path / "inbox").iterdir())
    assert len(names) == 4
    assert names[-1] == "ardour-1-hello.json"
    said = [json.loads((tmp_path / "inbox" / name).read_bytes()) for name in names]
    assert [document.get("job") for document in said] == ["job1", "job2", "job3", None]
    assert {document["host"] for document in said} == {"ardour-1"}


def test_a_document_that_cannot_be_written_says_why(shared: Any, tmp_path: Path) -> None:
    shared.globals()[b"root"] = str(tmp_path / "nowhere").encode()
    fine, why = shared.execute(b'return shared.spool.open (root, "ardour-1").post ({ type = "bye" })')
    assert fine is None
    assert b"No such file" in why


def test_the_state_is_read_when_it_is_new_and_the_beat_tells_who_lives(shared: Any, tmp_path: Path) -> None:
    state = tmp_path / "hosts" / "ardour-1" / "state.json"
    state.parent.mkdir(parents=True)
    shared.globals()[b"root"] = str(tmp_path).encode()
    shared.execute(b'link = shared.spool.open (root, "ardour-1")')
    poll = shared.eval(b"function (now) return link.poll (now), link.alive (now) end")
    assert poll(1.0) == (False, False)
    state.write_text('{"beat": 1, "jobs": []}')
    assert poll(2.0) == (True, True)
    assert poll(4.9) == (False, True)
    assert poll(5.1) == (False, False)
    state.write_text('{"beat": 2, "jobs"')
    assert poll(5.2) == (False, False)
    state.write_text('{"beat": 2, "jobs": []}')
    assert poll(5.3) == (True, True)


@pytest.mark.parametrize("channels", [1, 2, 5])
def test_wav_files_hold_every_sample(shared: Any, tmp_path: Path, channels: int) -> None:
    sound = np.random.default_rng(channels).uniform(-2, 2, (1000, channels)).astype(np.float32)
    shared.globals()[b"path"] = str(tmp_path / "a.wav").encode()
    shared.globals()[b"channels"] = shared.table_from([shared.table_from(channel) for channel in sound.T.tolist()])
    whole = shared.execute(
        b"local out = shared.wav.create (path, 44100, #channels, 1050)\n"
        b"local rest = {}\n"
        b"for c, channel in ipairs (channels) do rest[c] = { table.unpack (channel, 301) } end\n"
        b"out.add_channels (channels, 300)\n"
        b"local mixed = {}\n"
        b"for i = 1, 700 do for c = 1, #rest do mixed[#mixed + 1] = rest[c][i] end end\n"
        b"out.add (mixed, 700 * #rest) out.add_silence (40) out.add_silence (10) return out.close ()"
    )
    assert whole
    found, rate = soundfile.read(tmp_path / "a.wav", dtype="float32", always_2d=True)
    assert rate == 44_100
    np.testing.assert_array_equal(found, np.vstack([sound, np.zeros((50, sound.shape[1]))]))


@pytest.mark.parametrize("kind", ["WAV", "WAVEX", "RF64"])
def test_wav_files_of_floats_are_read(shared: Any, tmp_path: Path, kind: str) -> None:
    sound = np.random.default_rng(1).uniform(-2, 2, (1000, 2)).astype(np.float32)
    soundfile.write(tmp_path / "a.wav", sound, 48_000, subtype="FLOAT", format=kind)
    shared.globals()[b"path"] = str(tmp_path / "a.wav").encode()
    found = shared.execute(
        b"local file = assert (shared.wav.open (path)) local samples = file.read (300)\n"
        b"for _, sample in ipairs (file.read (750)) do samples[#samples + 1] = sample end\n"
        b"file.close () samples[#samples + 1], samples[#samples + 2] = file.rate, file.channels return samples"
    )
    *samples, rate, channels = found.values()
    assert (rate, channels) == (48_000, 2)
    wanted = np.vstack([sound, np.zeros((50, 2))])  # silence where the file has ended
    np.testing.assert_array_equal(np.array(samples, np.float32).reshape(-1, 2), wanted)


def test_other_files_are_no_wav_files_of_floats(shared: Any, tmp_path: Path) -> None:
    path = tmp_path / "a.wav"
    shared.globals()[b"path"] = str(path).encode()
    soundfile.write(path, np.zeros((100, 2)), 48_000, subtype="PCM_24")
    for data in (path.read_bytes(), path.read_bytes()[:30], b"", b"RIFF\0\0\0\0WAVEdata\4\0\0\0\0\0\0\0"):
        path.write_bytes(data)
        file, why = shared.execute(b"return shared.wav.open (path)")
        assert file is None
        assert b"no WAV file of 32-bit floats" in why


def test_the_time_of_day_is_known_finer_than_lua_tells_it(shared: Any) -> None:
    """Seconds begin at a hundredth that nobody names; looks every tenth of a second find it. A clock that is set anew
    is followed."""
    shared.execute(
        b"local true_time = os.time\n"
        b"function at (offset, tick) now = tick * 100000 + 37000; os.time = function ()"
        b" return math.floor (now / 1000000 + offset) end\n"
        b"shared.clock.look (now); local found = shared.clock.wall (now); os.time = true_time\n"
        b"return found - now / 1000000 end"
    )
    at = shared.globals()[b"at"]
    for offset in (1_700_000_000.25, 1_600_000_000.5):
        found = [at(offset, tick) for tick in range(30)]
        assert abs(found[-1] - offset) <= 0.05


def test_what_is_asked_is_done_once_and_answered(shared: Any) -> None:
    shared.execute(
        b"said, count = {}, 0\n"
        b"commands = shared.commands ({ add = function (ask) count = count + 1 return ask.at end,"
        b' no = function () return nil, "Not now." end, broken = function () error ("mistake", 0) end }, "A DAW")\n'
        b"link = { post = function (document) said[#said + 1] = document end }\n"
        b"function hear (...) link.state = { asks = {} }\n"
        b"for i, name in ipairs ({ ... }) do link.state.asks[i] = { ask = name, action = name } end\n"
        b"commands.hear (link, 5) end"
    )
    hear = shared.globals()[b"hear"]
    hear(b"add", b"no", b"broken", b"fly")
    hear(b"add", b"no", b"broken", b"fly")
    answers = shared.eval(
        b"function () local all = {} for _, d in ipairs (said) do all[#all + 1] = d.ask .. ': ' .. d.error end"
        b" return table.concat (all, '; '), count end"
    )
    assert answers() == (b"add: ; no: Not now.; broken: mistake; fly: A DAW cannot do that.", 1)
    hear()  # the bridge has heard the answers
    hear(b"add")
    assert answers()[1] == 2


def test_what_an_ask_leaves_open_is_nothing_to_an_action(shared: Any) -> None:
    heard = shared.eval(
        b"function (text) local heard; local pick = function (ask) heard = ask.job return true end\n"
        b'local commands = shared.commands ({ pick = pick }, "A DAW")\n'
        b"assert (commands.act (shared.json.decode (text))); return heard end"
    )
    assert heard(b'{"action": "pick", "take": null, "job": null}') is None
    assert heard(b'{"action": "pick", "take": 1, "job": "a"}') == b"a"
