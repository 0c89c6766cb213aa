"""`punchin eval` on the embedded pack: few clips, the whole way to the report."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest
import soundfile
import yaml
from fakes import toys
from fakes.transfer_pack import write_transfer_pack
from punchin_server.engines.inpaint.engine import InpaintEngine
from punchin_server.engines.transfer.engine import Transfer
from punchin_server.engines.transfer.loading import load_transfer_models
from punchin_train.evaluation import excerpts, inpaint, masks, systems, transfer
from punchin_train.evaluation.__main__ import main
from punchin_train.evaluation.excerpts import Excerpt
from punchin_train.evaluation.fused import fused
from punchin_train.evaluation.systems import Filled
from punchin_train.evaluation.transfer_ears import FIDELITY, LIKELY
from punchin_train.evaluation.transfer_rows import Run
from punchin_train.songs.rendering import render_song
from punchin_train.songs.songs import EDITIONS, compose
from punchin_wire.errors import BadAudio, BadSetting, FileMissing
from punchin_wire.frames import describe
from punchin_wire.messages import ChordSegment, InpaintRequest, Take, TakeSpec, TransferRequest

pytestmark = pytest.mark.torch

RATE = 32_000


def slakh(folder: Path, seconds: float = 24.0) -> Path:
    """One of our songs in the layout of Slakh2100."""
    song = compose(9_100_000, seconds, held_out=True)
    audio = render_song(song, RATE)
    track = folder / "Track00001"
    (track / "stems").mkdir(parents=True)
    soundfile.write(track / "mix.flac", audio.track("mix"), RATE)
    stems = {"S00": ("drums", "Drums", True), "S01": ("comp", "Piano", False), "S02": ("bass", "Bass", False)}
    for name, (stem, _, _) in stems.items():
        soundfile.write(track / "stems" / f"{name}.flac", audio.track(stem), RATE)
    about = {name: {"inst_class": kind, "is_drum": drum} for name, (_, kind, drum) in stems.items()}
    (track / "metadata.yaml").write_text(yaml.safe_dump({"stems": about}))
    return folder


@pytest.mark.parametrize("edition", EDITIONS)
def test_our_excerpts_are_reproducible_and_whole(edition: int) -> None:
    first, again = (list(excerpts.generated(3, 10 * RATE, RATE, seed=4, edition=edition)) for _ in range(2))
    for one, other in zip(first, again, strict=True):
        assert np.array_equal(one.mix, other.mix)
        assert one.chords == other.chords
        assert one.mix.shape == one.drums.shape == (10 * RATE,)
        assert one.chords[0].start == 0.0
        assert one.chords[-1].end == pytest.approx(10.0)
        assert all(0 <= hit <= 10 for hit in one.hits)  # to the hundredth
    assert len({one.name for one in first}) == 3


def test_a_folder_of_stems_is_read_as_it_lies(tmp_path: Path) -> None:
    [found] = excerpts.from_folder(slakh(tmp_path), 1, 10 * RATE, RATE)
    assert found.chords_from == "recogniser"
    assert found.drums.any()
    assert 0 < float(np.sqrt(np.mean(found.drums**2))) < float(np.sqrt(np.mean(found.mix**2)))
    assert sum(chord.end - chord.start for chord in found.chords) == pytest.approx(10.0, abs=0.2)


def test_chords_and_beats_that_are_written_down_are_taken(tmp_path: Path) -> None:
    """They count from where the excerpt begins, and are cut to it."""
    song = next(slakh(tmp_path).iterdir())
    (song / "chords.lab").write_text("0 12 C:maj\n12.0 24.0 A:min7\n")
    (song / "beats.txt").write_text("".join(f"{beat / 2} {beat % 4 + 1}\n" for beat in range(48)))
    [found] = excerpts.from_folder(tmp_path, 1, 14 * RATE, RATE)
    assert found.chords_from == "score"
    assert [chord.label for chord in found.chords] == ["C:maj", "A:min7"]
    assert (found.chords[0].start, found.chords[-1].end) == (0.0, pytest.approx(14.0))
    assert len(found.beats) == 28
    assert all(0 <= beat < 14 for beat in found.beats)
    assert np.diff(found.beats) == pytest.approx(0.5)
    (song / "chords.lab").write_text("0 C:maj\n")
    with pytest.raises(BadSetting, match="0 C:maj"):
        next(iter(excerpts.from_folder(tmp_path, 1, 14 * RATE, RATE)))


def test_a_folder_without_songs_is_said(tmp_path: Path) -> None:
    with pytest.raises(FileMissing, match="metadata"):
        next(iter(excerpts.from_folder(tmp_path, 1, RATE, RATE)))
    with pytest.raises(BadAudio, match="shorter"):
        next(iter(excerpts.from_folder(slakh(tmp_path, 4.0), 1, 30 * RATE, RATE)))


@pytest.mark.model
def test_inpaint_beside_its_bounds(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Chords are followed better than without, and the song itself is the ceiling, even on three excerpts."""
    monkeypatch.setattr(inpaint, "LEAST", 3)
    [table] = inpaint.evaluate(inpaint.Run("tiny", tmp_path, minutes=0.01, masks=("one gap",), verbose=False))
    report = json.loads((tmp_path / "report.json").read_text())
    rows = report["tables"][0]["rows"]
    assert set(rows) == {
        "chord", "drums", "piano", "chord + drums", "no control", "foreign chords", "plain continuation",
        "song through the codec", "the song itself", "unrelated song",
    }  # fmt: skip
    assert all(row["n"] == inpaint.LEAST for row in rows.values())
    assert rows["chord"]["chords"][0] > rows["no control"]["chords"][0]
    assert rows["the song itself"]["chords"][0] > rows["unrelated song"]["chords"][0]
    assert rows["the song itself"]["drum onsets"][0] > rows["no control"]["drum onsets"][0]
    assert table.count("chord") == inpaint.LEAST
    assert (tmp_path / "one_gap.png").stat().st_size > 1000


class Stopped(Exception):
    """Someone's patience is at an end."""


class ThreeExcerpts:
    """Systems without a model, which are stopped at the fourth excerpt."""

    rate, hop, window, left = RATE, 640, 50, 3
    models = SimpleNamespace(names={})

    def __init__(self, *_: object, **__: object) -> None:
        pass

    def fill(self, excerpt: Excerpt, other: Excerpt, *_: object) -> Iterator[Filled]:
        self.left -= 1
        if self.left < 0:
            raise Stopped
        yield Filled("the song itself", excerpt.mix)
        yield Filled("unrelated song", other.mix)


def test_a_run_that_is_stopped_has_what_it_measured(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(inpaint, "Systems", ThreeExcerpts)
    monkeypatch.setattr(inpaint, "WRITTEN", 2)
    with pytest.raises(Stopped):
        inpaint.evaluate(inpaint.Run("none", tmp_path, windows=6, masks=("one gap",), verbose=False))
    [table] = json.loads((tmp_path / "report.json").read_text())["tables"]
    assert table["title"] == "Mask: one gap"
    assert {name: row["n"] for name, row in table["rows"].items()} == {"the song itself": 2, "unrelated song": 2}


def quick(monkeypatch: pytest.MonkeyPatch, cache: Path) -> None:
    """Two held-out lines, and a judge that has hardly been trained."""
    monkeypatch.setattr(transfer.paths, "cache_folder", lambda: cache)
    monkeypatch.setattr(transfer, "LINES", 2)
    monkeypatch.setattr(transfer, "JUDGE_LINES", 2)


@pytest.mark.model
def test_transfer_of_ones_own_clips(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    write_transfer_pack(tmp_path / "moves", steps=1)
    monkeypatch.setenv("PUNCHIN_PACKS", str(tmp_path / "moves"))
    clips = tmp_path / "clips"
    clips.mkdir()
    sound = np.random.default_rng(0).uniform(-0.3, 0.3, (44_100, 2))
    soundfile.write(clips / "a.wav", sound, 44_100)
    quick(monkeypatch, tmp_path)
    out, varied = tmp_path / "out", ("omega", "hold")
    run = Run("moves", out, minutes=0.0, songs=clips, targets=("harp", "organ"), parameters=varied, verbose=False)
    bounds, table = transfer.evaluate(run)
    assert list(bounds.values) == ["the clip itself", "the clip through autoencoder and vocoder"]
    assert table.count("ω 2") == 1  # time was up after the first clip
    assert table.interval("ω 2", FIDELITY) == table.interval("hold 0.0", FIDELITY)
    assert table.interval("hold 0.5", FIDELITY) != table.interval("hold 0.0", FIDELITY)
    assert table.interval("ω 2", "source heard") is None
    text = (out / "report.md").read_text()
    assert "clips of clips, to harp, organ" in text
    assert "hold 0." in text
    assert (out / "transfer.png").read_bytes().startswith(b"\x89PNG")


@pytest.mark.model
def test_only_the_parameters_that_were_asked_for_are_varied(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """On our own lines, with a judge that has hardly been trained: rows, bounds and plot, and every figure a number."""
    write_transfer_pack(tmp_path / "moves", steps=1)
    monkeypatch.setenv("PUNCHIN_PACKS", str(tmp_path / "moves"))
    quick(monkeypatch, tmp_path)
    out = tmp_path / "out"
    words = ["transfer", "--pack", "moves", "--parameters", "alpha", "fused", "--minutes", "0.01", "--out", str(out)]
    assert main([*words, "--hold", "0.3"]) == 0
    bounds, varied = json.loads((out / "report.json").read_text())["tables"]
    assert list(varied["rows"]) == ["α 0.3", "α 0.5", "α 0.7", "α 1.0", "fused attention"]
    itself, unrelated = (bounds["rows"][name] for name in ("the clip itself", "an unrelated line on the target"))
    assert itself[FIDELITY][0] > 0.9  # silence is like nothing
    assert itself["note F1"] == itself["frame F1"] == [1.0, 1.0, 1.0]
    assert unrelated["note F1"][0] < 0.3
    assert "hold 0.3" in (out / "report.md").read_text()
    for row in varied["rows"].values():
        assert 0 <= row[LIKELY][0] <= 1
    assert (out / "transfer.png").read_bytes().startswith(b"\x89PNG")


@pytest.mark.model
def test_fused_attention_is_another_sound(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    write_transfer_pack(tmp_path / "moves", steps=2)
    monkeypatch.setenv("PUNCHIN_PACKS", str(tmp_path / "moves"))
    engine = Transfer(load_transfer_models("moves", "cpu", "float32"))
    clip = np.random.default_rng(0).uniform(-0.3, 0.3, (1, 16_000)).astype(np.float32)
    request = TransferRequest(describe(clip, 16_000), "violin", (TakeSpec(1),), pack="moves")

    def take() -> np.ndarray:
        return next(e.audio for e in engine.run(request, [clip]) if isinstance(e.event, Take) and e.audio is not None)

    apart = take()
    with fused():
        together = take()
    assert not np.allclose(apart, together)
    assert np.array_equal(apart, take())


def test_wrong_words_are_one_line(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["inpaint", "--songs", str(tmp_path), "--out", str(tmp_path / "out"), "--minutes", "0.01"]) == 2
    assert "metadata.yaml" in capsys.readouterr().err


def test_guided_controls_reach_every_take(monkeypatch: pytest.MonkeyPatch) -> None:
    """From the command's words to the requests; where nothing is said it is the pack's to say."""
    asked: list[float | None] = []
    plain = InpaintEngine.run

    def run(self: InpaintEngine, request: InpaintRequest, audio: Any) -> Any:
        asked.append(request.sampling.control_guidance)
        return plain(self, request, audio)

    monkeypatch.setattr(InpaintEngine, "run", run)
    monkeypatch.setattr(systems, "load_models", lambda *_: toys.models())
    runs: list[inpaint.Run] = []
    monkeypatch.setattr(inpaint, "evaluate", lambda run, _: runs.append(run) or [])
    assert main(["inpaint", "--control-guidance", "2.5", "--json"]) == 0
    [run_asked] = runs
    tool = systems.Systems("toy", sampling=run_asked.sampling)
    mask = masks.scaled("one gap", tool.window, tool.hop)
    noise = np.random.default_rng(0).uniform(-0.5, 0.5, mask.samples).astype(np.float32)
    chords = (ChordSegment(0.0, mask.samples / tool.rate, "C:maj"),)
    excerpt = Excerpt("noise", noise, noise, chords, (0.0, 0.2), (), (0.1,))
    assert [filled.audio.shape for filled in tool.fill(excerpt, excerpt, mask, 0)] == [noise.shape] * 9
    assert asked == [2.5] * 3
