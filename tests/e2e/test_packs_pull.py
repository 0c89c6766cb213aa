"""From nothing to takes by `punchin packs pull` alone: published formats, random weights, fakes of their sources."""

from __future__ import annotations

import json
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import soundfile
from fakes import mini_pack
from fakes import sources as fakes
from fakes.child_python import without_sockets
from fakes.command import Punchin
from fakes.harness import daemon, until
from fakes.pack import write_random_pack
from fakes.songs import RATE, audio, write_song
from fakes.sources import Sources
from fakes.transfer_pack import write_transfer_pack
from punchin_bridge.packs.pulls import Pulls
from punchin_server.conditioning.render import default_soundfont

pytestmark = [pytest.mark.e2e, pytest.mark.model]

PARTS = {"licence": "CC-BY-NC-4.0", "licence_url": "https://example.org"}


@pytest.fixture
def home(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    return _computer(tmp_path / "home", tmp_path / "catalog", monkeypatch)


def _computer(home: Path, catalog: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A computer without packs, for the processes that are started from now on."""
    catalog.mkdir(exist_ok=True)
    for name, value in {"PUNCHIN_HOME": home, "PUNCHIN_CATALOG": catalog, "HF_HOME": home / "hf"}.items():
        monkeypatch.setenv(name, str(value))
    for name in ("PUNCHIN_PACKS", "HF_HUB_CACHE", "HF_TOKEN"):
        monkeypatch.delenv(name, raising=False)
    return home


@pytest.fixture
def sources(monkeypatch: pytest.MonkeyPatch) -> Iterator[Sources]:
    with fakes.running() as running:
        for name, value in running.env().items():
            monkeypatch.setenv(name, value)
        yield running


@pytest.fixture
def punchin(capsys: pytest.CaptureFixture[str]) -> Punchin:
    return Punchin(capsys)


def packs(*words: object, code: int = 0, env: dict[str, str] | None = None) -> Any:
    """`punchin packs …` in a process of its own; the last object that it prints."""
    command = [sys.executable, "-m", "punchin_server", "packs", *map(str, words), "--json"]
    done = subprocess.run(command, capture_output=True, text=True, timeout=240, env=env)
    assert done.returncode == code, done.stderr
    return json.loads(done.stdout.splitlines()[-1])


def publish(sources: Sources, catalog: Path, folder: Path, drive: list[str], **manifest: Any) -> None:
    """The files in `folder` as others publish them: `drive` on Google Drive, the rest as the hub's `them/base`."""
    for path in sorted(path for path in folder.rglob("*") if path.is_file() and path.name != "manifest.json"):
        name = path.relative_to(folder).as_posix()
        if name in drive:
            sources.drive[f"id-{name}"] = path.read_bytes()
        else:
            sources.files["them/base", name.removeprefix("audioldm2/")] = path.read_bytes()
    layout = "diffusers" if "transfer" in manifest else "audiocraft"
    parts = [{"source": "hub:them/base", "layout": layout} | PARTS]
    for name in drive:
        parts.append({"source": f"drive:id-{name}", "files": [{"path": name, "at_most": 10**7}]} | PARTS)
    about = {"licence": PARTS["licence"], "source": "them/base", "strikes": "compat"}
    entry = {"name": "theirs", "title": "mini", "bytes": 10**6, "parts": parts, "manifest": about | manifest}
    (catalog / "theirs.json").write_text(json.dumps(entry))


def test_holes_are_filled_by_what_was_pulled_and_by_what_was_carried_over(
    home: Path, sources: Sources, punchin: Punchin, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The pack pulled here and the one imported on a computer without network make the same take."""
    mini_pack.write(tmp_path / "published")
    base = {"lm": "hub:them/base", "codec": "hub:them/base"}
    shape = {"window_frames": 100, "sampling": {"temperature": 1.0, "top_k": 16, "cfg": 1.0}}
    adapters = {control: f"{control}.pth" for control in mini_pack.CONTROLS}
    drive = list(adapters.values())
    publish(sources, tmp_path / "catalog", tmp_path / "published", drive, base=base, adapters=adapters, **shape)
    (row,) = packs("pull", "theirs", "--accept", "CC-BY-NC-4.0")["packs"]
    assert (row["state"], row["controls"]) == ("ok", ["chord", "drums", "piano"])
    packs("export", "theirs", tmp_path / "theirs.tar")
    song = write_song(tmp_path)
    here = _take(punchin, home, song, tmp_path / "here")

    other = _computer(tmp_path / "other", tmp_path / "no-catalog", monkeypatch)
    monkeypatch.setenv("HF_HUB_OFFLINE", "1")
    sources.asked.clear()
    without, tried = without_sockets(tmp_path / "without")
    packs("import", tmp_path / "theirs.tar", env=without)
    assert not tried.exists()
    there = _take(punchin, other, song, tmp_path / "there")
    assert np.array_equal(here, there)
    assert np.abs(here).max() > 0
    assert sources.asked == []


def _take(punchin: Punchin, home: Path, song: Path, out: Path) -> np.ndarray:
    with daemon(home, env={"REAL_WORKER": "1"}):
        words = ("--start", 4, "--end", 5, "--seed", 7, "--pack", "theirs", "--out", out)
        report = punchin.json("inpaint", song, *words)
    assert report["models"]["pack"] == "theirs 1"
    assert any(key.startswith("sha256 hub:them/base@") and value for key, value in report["models"].items())
    found, _ = soundfile.read(report["takes"][0]["path"])
    return np.asarray(found)


def test_a_clip_is_transferred_by_what_was_pulled(
    home: Path, sources: Sources, punchin: Punchin, tmp_path: Path
) -> None:
    write_transfer_pack(tmp_path / "published")
    parts = {"base": "hub:them/base", "audiomae": "audiomae.pth", "adapter": "adapter.bin", "scheduler": "ddim"}
    drive = ["audiomae.pth", "adapter.bin"]
    publish(sources, tmp_path / "catalog", tmp_path / "published", drive, transfer=parts | {"steps": 4})
    (row,) = packs("pull", "theirs", "--accept", "CC-BY-NC-4.0")["packs"]
    assert (row["state"], row["adapter"]) == ("ok", True)
    clip = tmp_path / "clip.wav"
    soundfile.write(clip, audio()[:, :RATE].T, RATE)
    with daemon(home, env={"REAL_WORKER": "1"}):
        report = punchin.json("transfer", clip, "--to", "violin", "--pack", "theirs", "--out", tmp_path / "takes")
    assert Path(report["takes"][0]["path"]).is_file()


def test_a_surface_starts_a_pull_and_sees_it_end(home: Path, sources: Sources, tmp_path: Path) -> None:
    """The bridge and the server's own program between them; a soundfont, which loads no model."""
    sources.plain["font.sf2"] = default_soundfont().read_bytes()
    part = {"source": f"{sources.cdn_url}/plain/font.sf2", "files": [{"path": "font.sf2", "at_most": 10**7}]}
    manifest = {"licence": "CC-BY-NC-4.0", "source": "them", "soundfont": "font.sf2"}
    entry = {"name": "font", "title": "mini", "bytes": 10**6, "parts": [part | PARTS], "manifest": manifest}
    (tmp_path / "catalog" / "font.json").write_text(json.dumps(entry))
    pulls = Pulls()
    pulls.start("font", [])
    assert until(lambda: [news for news in pulls.news() if news.error], 60)[0].error.code == "not_accepted"
    pulls.start("font", ["CC-BY-NC-4.0"])
    seen = []
    until(lambda: seen.extend(pulls.news()) or (seen and seen[-1].state != "running"), 120)
    assert seen[-1].state == "done"
    assert [news.fraction for news in seen] == sorted(news.fraction for news in seen)
    assert (home / "data" / "packs" / "font" / "font.sf2").read_bytes() == sources.plain["font.sf2"]


def test_an_adapter_of_another_size_becomes_no_pack(home: Path, sources: Sources, tmp_path: Path) -> None:
    """Right to the byte, and still of no use."""
    write_random_pack(tmp_path / "published", width=48)
    base = {"lm": "hub:them/base", "codec": "hub:them/base"}
    publish(
        sources, tmp_path / "catalog", tmp_path / "published", ["chord.pth"], base=base, adapters={"chord": "chord.pth"}
    )
    error = packs("pull", "theirs", "--accept", "CC-BY-NC-4.0", code=3)["error"]
    assert error["code"] == "adapter_mismatch"
    assert not any(row["name"] == "theirs" for row in packs("list")["packs"])
    assert not list(home.rglob("theirs/manifest*.json"))
