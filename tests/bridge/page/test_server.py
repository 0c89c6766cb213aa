"""The page's server as a browser uses it: songs come in, are described, drawn and heard; jobs come and are shown."""

from __future__ import annotations

import asyncio
import json
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import aiohttp
import msgspec
import numpy as np
import pytest
import soundfile
from fakes.harness import until
from fakes.page import Browser, RunningPage, page, write_song, write_take
from fakes.room import submit
from fakes.songs import write_chords
from punchin_bridge import remotes
from punchin_bridge.hosts.previews import Place
from punchin_bridge.hosts.protocol import Placed, Rendered, Submit, TakeFile, Track
from punchin_bridge.music.region import Region
from punchin_bridge.splice.place import GUARD
from punchin_wire import paths
from punchin_wire.params import TransferParams


@pytest.fixture
def running(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[RunningPage]:
    monkeypatch.setenv("PUNCHIN_HOME", str(tmp_path / "home"))
    with page(tmp_path / "home") as found:
        yield found


@pytest.fixture
def browser(running: RunningPage) -> Browser:
    return running.browser


def last_submit(running: RunningPage) -> Submit:
    return list(running.stage.room.sessions.jobs.values())[-1].record.submit


# ---- waking --------------------------------------------------------------------------------------------------


def test_nothing_is_loaded_until_somebody_comes(running: RunningPage) -> None:
    assert running.edge._server is None
    assert not running.edge.is_watched
    running.browser.enter()
    assert running.edge._server is not None
    assert running.edge.is_watched


# ---- songs ---------------------------------------------------------------------------------------------------


def test_a_song_that_is_dropped_lies_in_a_folder_of_its_own(browser: Browser, tmp_path: Path) -> None:
    browser.enter()
    path = write_song(tmp_path / "Mein Lied.flac")
    song = browser.upload("song", path).json["song"]
    kept = paths.takes_folder() / "Mein Lied" / "Mein Lied.flac"
    assert kept.read_bytes() == path.read_bytes()
    assert browser.upload("song", path).json["song"] == song
    other = browser.upload("song", write_song(path, 2.0)).json["song"]
    assert other != song
    assert (paths.takes_folder() / "Mein Lied_2" / "Mein Lied.flac").exists()
    assert not list((paths.spool_folder() / "page" / "uploads").iterdir())
    described = browser.get(f"/api/song/{song}").json
    assert (described["name"], described["samples"], described["rate"]) == ("Mein Lied", 8 * 44_100, 44_100)
    assert described["bars"] == []


def test_what_it_follows_is_dropped_and_typed(browser: Browser, tmp_path: Path) -> None:
    song = browser.enter(write_song(tmp_path / "song.wav"))
    assert browser.upload("chords", write_chords(tmp_path), song).status == 200
    described = browser.get(f"/api/song/{song}").json
    assert described["bars"][:3] == [0, 88_200, 176_400]
    assert described["chords"][0] == [0, 88_200, "C:maj"]
    assert described["follows"]["chord"] == "chords.mid"
    assert browser.act("tempo", song=song, bpm=60, downbeat=1.0, beats=3).status == 200
    assert browser.act("chords", song=song, text="Am | Dm", start=44_100, end=44_100 * 7).status == 200
    described = browser.get(f"/api/song/{song}").json
    assert described["bars"] == [44_100, 4 * 44_100, 7 * 44_100]
    assert [label for _, _, label in described["chords"]] == ["A:min", "D:min"]
    wrong = browser.act("chords", song=song, text="Am | Qx", start=0, end=44_100)
    assert wrong.code == "unknown_chord"
    assert browser.act("forget", song=song, what="chord").status == 200
    assert browser.get(f"/api/song/{song}").json["chords"] == []
    refused = browser.upload("drums", write_chords(tmp_path), song)
    assert refused.code == "bad_audio"
    assert browser.get(f"/api/song/{song}").json["follows"]["drums"] == ""


def test_its_shape_and_its_sound(browser: Browser, running: RunningPage, tmp_path: Path) -> None:
    path = write_song(tmp_path / "song.wav")
    song = browser.enter(path)
    shape = browser.get(f"/api/peaks/{song}?from=0&to=352800&px=100")
    assert np.frombuffer(shape.body, "<f4").reshape(2, 100).max() > 0.19
    for wrong in ("from=5&to=5&px=1", "from=-1&to=5&px=1", "from=a&to=5&px=1", "to=5&px=1", "from=0&to=9e9&px=1"):
        assert browser.get(f"/api/peaks/{song}?{wrong}").code == "bad_setting"
    [folder] = [song.folder for song in running.songs()]
    take = write_take(path, folder, 3.0, 4.0, 1, 0.4)
    browser.act("reset")
    [group] = until(running.groups)
    heard = browser.get(f"/api/group/{group['id']}").json
    assert heard["region"] == [3 * 44_100, 4 * 44_100]
    levels = browser.get(f"/api/levels/{group['id']}").json
    assert 0.4 < levels[group["takes"][0]["id"]]["gain"] < 0.6
    assert levels["song"]["peak"] < 0.21
    answer = browser.get(f"/api/audio/{group['id']}/{group['takes'][0]['id']}")
    audio = np.frombuffer(answer.body, "<f4").reshape(int(answer.headers["X-Channels"]), -1)
    written, _ = soundfile.read(take, dtype="float32", always_2d=True)
    first, last = heard["region"]
    assert np.array_equal(audio[:, first:last], written.T)
    own = np.frombuffer(browser.get(f"/api/audio/{group['id']}/song").body, "<f4").reshape(2, -1)
    assert np.array_equal(own[:, :first], audio[:, :first])
    notes = np.frombuffer(browser.get(f"/api/chroma/{group['id']}/song").body, "<f4").reshape(-1, 12)
    assert abs(len(notes) - own.shape[1] / 44_100 / 0.064) < 3
    assert 0.0 <= notes.min() <= notes.max() <= 1.0
    assert browser.get(f"/api/file/{group['takes'][0]['id']}").body == take.read_bytes()
    for path_ in (f"/api/audio/{group['id']}/000000000000", "/api/audio/x/song", "/api/file/x", "/api/group/x"):
        assert browser.get(path_).status == 404


def test_the_whole_song_is_saved_with_a_take_in_it(browser: Browser, running: RunningPage, tmp_path: Path) -> None:
    path = write_song(tmp_path / "song.wav")
    browser.enter(path)
    [song] = running.songs()
    write_take(path, song.folder, 3.0, 4.0, 1)
    browser.act("reset")
    [group] = until(running.groups)
    saved = browser.act("save", take=group["takes"][0]["id"]).json
    assert saved["outside_delta"] == 0.0
    whole, _ = soundfile.read(saved["path"], dtype="int16")
    before, _ = soundfile.read(path, dtype="int16")
    assert np.array_equal(whole[: 3 * 44_100], before[: 3 * 44_100])
    assert np.array_equal(whole[4 * 44_100 :], before[4 * 44_100 :])
    assert not np.array_equal(whole, before)
    assert browser.act("save", take="000000000000").code == "file_missing"


# ---- jobs ----------------------------------------------------------------------------------------------------


def test_a_region_is_punched_in_as_a_host_does_it(browser: Browser, running: RunningPage, tmp_path: Path) -> None:
    path = write_song(tmp_path / "song.wav")
    song = browser.enter(path)
    assert browser.act("turn", name="takes", value=3).status == 200
    assert browser.act("turn", name="temperature", value=99).code == "bad_setting"
    asked = browser.act("punch", song=song, start=44_100, end=88_200, engine="inpaint", follow=["chord"])
    submitted = last_submit(running)
    assert submitted.job == asked.json["job"]
    assert submitted.host == f"page-{song}"
    assert submitted.params.takes == 3
    assert submitted.target.audio == Rendered(str(path), 0)
    assert Path(submitted.folder).parent == paths.takes_folder()
    assert running.stage.room.elsewhere.started == [submitted.job]
    assert browser.act("stop", job=submitted.job).status == 200
    assert running.stage.room.elsewhere.stopped == [submitted.job]
    again = browser.act("again", job=submitted.job).json["job"]
    assert msgspec.structs.replace(last_submit(running), job="", clicked=0.0) == msgspec.structs.replace(
        submitted, job="", clicked=0.0
    )
    assert again != submitted.job
    missing = browser.act("punch", song=song, start=0, end=44_100, engine="transfer")
    assert missing.code == "bad_setting"
    browser.act("turn", name="to", value="violin")
    browser.act("punch", song=song, start=0, end=44_100, engine="transfer")
    assert isinstance(last_submit(running).params, TransferParams)
    swept = browser.act("sweep", song=song, start=0, end=44_100, over="alpha=.3,.5 pooling=1,2x4").json["jobs"]
    params = [running.stage.room.sessions.jobs[job].record.submit.params for job in swept]
    assert [(each.alpha, each.pooling) for each in params] == [
        (0.3, (1, 1)),
        (0.3, (2, 4)),
        (0.5, (1, 1)),
        (0.5, (2, 4)),
    ]
    assert len({each.seed for each in params}) == 1
    assert params[0].seed is not None
    assert browser.act("sweep", song=song, start=0, end=44_100, over="loudness=1,2").code == "bad_setting"


def test_the_pages_songs_are_not_driven_by_surfaces(browser: Browser, running: RunningPage, tmp_path: Path) -> None:
    song = browser.enter(write_song(tmp_path / "song.wav"))
    browser.act("punch", song=song, start=44_100, end=88_200, engine="inpaint")
    assert running.stage.console.host == "fake-1"


def test_takes_of_a_page_song_need_no_placing(browser: Browser, running: RunningPage, tmp_path: Path) -> None:
    song = browser.enter(write_song(tmp_path / "song.wav"))
    job = browser.act("punch", song=song, start=44_100, end=88_200, engine="inpaint").json["job"]
    running.stage.room.ready(job)
    until(lambda: running.stage.room.sessions.jobs[job].phase == "placed")
    assert job in running.stage.room.elsewhere.finished


def test_the_jobs_of_a_daw_are_shown_heard_and_used(browser: Browser, running: RunningPage, tmp_path: Path) -> None:
    """Also after its host has placed its takes, and what it rendered is deleted."""
    browser.enter()
    stem, region = write_song(tmp_path / "stem.wav", 6.0, 48_000), write_song(tmp_path / "take.wav", 1.0, 48_000)
    running.stage.say(submit("job-1", target=Track("t", "Keys", Rendered(str(stem), -48_000))))
    until(lambda: (running.edge._ledger.folder / "job-1.wav").exists())
    room = running.stage.room
    record = room.sessions.jobs["job-1"].record
    takes = (TakeFile(str(region), "Punchin 1", 7, 0, 48_000, 2),)
    room.sessions.ready(msgspec.structs.replace(record, phase="ready", takes=takes), room.now)
    stem.unlink()
    running.stage.say(Placed("fake-1", "job-1"))
    [group] = until(lambda: [found for found in running.groups() if found["takes"]])
    assert (group["title"], group["takes"][0]["seed"], group["takes"][0]["job"]) == ("Keys", 7, "job-1")
    heard = browser.get(f"/api/group/{group['id']}").json
    assert heard["start"] == -48_000
    assert heard["has_song"]
    assert browser.get(f"/api/audio/{group['id']}/song").status == 200
    with running.obeying("") as asked:
        assert browser.act("use", job="job-1", take=0).status == 200
        assert browser.act("again", job="job-1").status == 200
    assert [(each.action, each.take, each.job) for each in asked[:1]] == [("pick", 0, "job-1")]
    assert [each.action for each in asked] == ["pick", "repeat"]
    with running.obeying("These takes do not stand any more."):
        refused = browser.act("use", job="job-1", take=0)
    assert refused.json["error"]["message"] == "These takes do not stand any more."
    assert browser.act("again", job="job-9").code == "unknown_job"
    assert browser.act("stop", job="job-1").code == "unknown_job"


def test_a_take_that_grows_is_seen_and_heard(browser: Browser, running: RunningPage) -> None:
    """As far as it has come, until its job has ended; a try that is gone says nothing."""
    browser.enter()
    running.stage.say(submit("job-1"))
    place = Place(0, 48_000, Region(0, 48_000))
    running.previews.begin("job-1", place)
    chunk = np.full((1, 24_000), 0.25, np.float32)
    running.previews.grow("job-1", 0, 0, chunk, 48_000)

    def card() -> Any:
        running.stage.console.set("takes", 3)  # so that there is something new to show
        return next((job for job in browser.part("jobs") if job["previews"]), None)

    shown = until(card)
    [preview] = shown["previews"]
    assert (preview["take"], preview["round"], preview["samples"]) == (0, 0, 24_000 - GUARD)
    assert preview["shape"][0] == 25
    assert shown["holes"] == [[0, 48_000]]
    heard = np.frombuffer(browser.get("/api/preview/job-1/0?round=0&from=100").body, "<f4")
    assert np.array_equal(heard, chunk[0, : 24_000 - GUARD - 100])
    for nothing in ("job-1/0?round=1&from=0", "job-1/1?round=0&from=0", "job-9/0?round=0&from=0"):
        assert browser.get(f"/api/preview/{nothing}").body == b""
    assert browser.get("/api/preview/job-1/0?round=0&from=-1").code == "bad_setting"
    running.edge.ask(lambda now: running.stage.room.sessions.cancelled("job-1", now)).result(5)
    until(lambda: not any(job["previews"] for job in browser.part("jobs")))


def test_a_tab_watches_but_the_shelf_does_not(browser: Browser, running: RunningPage) -> None:
    browser.enter()
    browser.get("/api/takes")
    assert running.edge.is_watched
    assert not running.edge.is_shown

    async def listens() -> bool:
        address = f"http://127.0.0.1:{browser.port}/api/events"
        async with (
            aiohttp.ClientSession() as session,
            session.ws_connect(address, protocols=["punchin", browser.token]) as link,
        ):
            await link.receive_str(timeout=20)
            return running.edge.is_shown

    assert asyncio.run(listens())
    until(lambda: not running.edge.is_shown)


def test_what_changes_is_told(browser: Browser, running: RunningPage) -> None:
    """Each part when it changes, and all of them to who comes late."""

    async def parts(link: aiohttp.ClientWebSocketResponse, until_part: str) -> dict[str, Any]:
        found: dict[str, Any] = {}
        while until_part not in found:
            message = json.loads(await link.receive_str(timeout=10))
            found[message["part"]] = message["value"]
        return found

    async def run() -> None:
        browser.enter()
        address = f"http://127.0.0.1:{browser.port}/api/events"
        async with aiohttp.ClientSession() as session:
            async with session.ws_connect(address, protocols=["punchin", browser.token]) as link:
                first = await parts(link, "knobs")
                assert first["knobs"]["alpha"] == {"value": 0.5, "normalized": 0.5, "touched": False}
                running.stage.console.set("alpha", 0.25)
                running.stage.say(submit("job-1"))
                found = await parts(link, "jobs")
                while not found["jobs"]:
                    found |= await parts(link, "jobs")
                assert found["jobs"][0]["line"] == "Preparing."
                assert found["jobs"][0]["program"] == "Fake"
            async with session.ws_connect(address, protocols=["punchin", browser.token]) as link:
                late = await parts(link, "knobs")
                assert late["knobs"]["alpha"]["touched"]

    asyncio.run(run())


def test_what_is_written_down_and_thrown_away(browser: Browser, running: RunningPage, tmp_path: Path) -> None:
    path = write_song(tmp_path / "song.wav")
    song = browser.enter(path)
    [opened] = running.songs()
    file = write_take(path, opened.folder, 3.0, 4.0, 1)
    browser.act("reset")
    [group] = until(running.groups)
    take = group["takes"][0]["id"]
    assert browser.act("write", take=take, favourite=True, comment="<b>loud</b>").status == 200
    assert browser.act("write", take=take, name="x" * 201).code == "bad_setting"
    [group] = until(lambda: [each for each in running.groups() if each["takes"][0]["note"]])
    assert group["takes"][0]["note"] == {"favourite": True, "comment": "<b>loud</b>"}
    assert (paths.data_folder() / "page" / "notes.json").exists()
    binned = browser.act("bin", take=take).json["file"]
    assert not file.exists()
    assert (opened.folder / "Bin" / binned).exists()
    until(lambda: not running.groups())
    for wrong in ("../song.wav", "nothing.wav", "", ".."):
        assert browser.act("restore", song=song, file=wrong).status in (400, 404)
    assert browser.act("restore", song=song, file=binned).status == 200
    assert file.exists()
    [group] = until(running.groups)
    assert group["takes"][0]["note"]["favourite"]


def test_the_report_of_a_take_is_kept(browser: Browser, running: RunningPage, tmp_path: Path) -> None:
    """As the command line shows it, also when its job is long forgotten."""
    path = write_song(tmp_path / "song.wav")
    song = browser.enter(path)
    [opened] = running.songs()
    job = browser.act("punch", song=song, start=3 * 44_100, end=4 * 44_100, engine="inpaint").json["job"]
    file = write_take(path, opened.folder, 3.0, 4.0, 1)
    room = running.stage.room
    takes = (TakeFile(str(file), "Punchin 1", 1, 3 * 44_100, 4 * 44_100, 2),)
    record = msgspec.structs.replace(
        room.sessions.jobs[job].record, phase="ready", takes=takes, reports=((("left join", "level +0.1 LU"),),)
    )
    running.edge.ask(lambda now: room.sessions.ready(record, now)).result(5)
    [group] = until(lambda: [each for each in running.groups() if each["takes"] and each["takes"][0]["note"]])
    assert group["takes"][0]["note"]["report"] == [["left join", "level +0.1 LU"]]


def test_packs_are_listed_with_their_licences(browser: Browser) -> None:
    browser.enter()
    both = browser.get("/api/packs").json
    assert "airgen" in {offer["name"] for offer in both["offers"]}
    found = {pack["name"]: pack for pack in both["here"]}
    assert found["tiny"]["licence"].startswith("Apache-2.0")
    assert found["tiny"]["state"] == "ok"
    assert found["tiny"]["bytes"] > 1e6
    for name in ("--help", "hub:a/b", "..", "A"):
        assert browser.get(f"/api/packs/{name}").status in (400, 404)
        assert browser.act("fetch", pack=name).code == "bad_setting"


def test_another_computer_is_chosen_to_make_takes(browser: Browser) -> None:
    browser.enter()
    assert browser.get("/api/remotes").json == {"local": True}
    remotes.add("box", "box.local:17815", "ab" * 32)
    assert browser.act("useremote", remote="box").status == 200
    assert browser.get("/api/remotes").json == {"local": False, "box": True}
    for name in ("attic", "../x", "", "box\n"):
        assert browser.act("useremote", remote=name).code == "bad_setting"
    assert browser.act("useremote", remote="local").status == 200
    assert browser.get("/api/remotes").json == {"local": True, "box": False}


def test_a_pack_is_fetched_as_surfaces_do_it(browser: Browser, running: RunningPage, tmp_path: Path) -> None:
    """One pull for all: the page starts it, shows how it goes, and stops it."""
    script = tmp_path / "packs.py"
    progress = {"progress": {"file": "weights.bin", "done": 5_000_000, "total": 10_000_000}}
    script.write_text(f"import time\nprint({json.dumps(progress)!r}, flush=True)\ntime.sleep(60)\n")
    running.pulls._command = (sys.executable, str(script))
    browser.enter()
    assert browser.act("fetch", pack="airgen", accept=["CC-BY-NC-4.0"]).status == 200
    assert browser.act("fetch", pack="audioldm2").code == "queue_full"

    def state() -> Any:
        running.edge.ask(lambda _: running.pulls.news()).result(5)  # as the surfaces' port does at each step
        return browser.part("pull")

    shown = until(lambda: (now := state()) and now["fraction"] == 0.5 and now)
    assert (shown["name"], shown["state"], shown["line"]) == ("airgen", "running", "weights.bin, 5 of 10 MB")
    assert browser.act("stopfetching").status == 200
    until(lambda: state()["state"] == "stopped")
