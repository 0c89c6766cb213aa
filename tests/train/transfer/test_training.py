"""The transfer half of the tiny pack: its lines, its targets, and that every stage trains, goes on, ends in a pack."""

from __future__ import annotations

import math
import re
import shutil
from itertools import count, pairwise
from pathlib import Path
from random import Random
from types import SimpleNamespace

import msgspec
import numpy as np
import pytest
import torch
from punchin_server.codecs import inversion
from punchin_server.codecs.mel import log_mel
from punchin_server.codecs.phase import consistent
from punchin_server.engines.transfer import engine
from punchin_server.packs import registry
from punchin_train.transfer import (
    audiomae,
    clap,
    encoded,
    pieces,
    recordings,
    schedule,
    solos,
    stages,
    start,
    text,
    unet,
    vae,
    vocoder,
)
from punchin_train.transfer.alignment import Alignment
from punchin_train.transfer.lines import Lines
from punchin_train.transfer.pack import ADAPTER, half
from punchin_wire.errors import BadCheckpoint
from punchin_wire.frames import describe
from punchin_wire.messages import Note, Take, TakeSpec, TransferRequest
from safetensors.torch import load_file, save_file

pytestmark = pytest.mark.torch


def test_a_line_is_its_seed() -> None:
    """The same seed is the same line; another is another; held-out ones have harmony that training never has."""
    assert solos.compose(5) == solos.compose(5)
    assert solos.compose(5) != solos.compose(6)
    assert solos.compose(5) != solos.compose(5, held_out=True)


@pytest.mark.parametrize("seed", range(20))
def test_lines_stay_in_their_range_and_time(seed: int) -> None:
    """C4 to C6 above an accompaniment from C3, all of it begun within 10.24 s; never empty."""
    line = solos.compose(seed)
    assert len(line.melody) >= 5
    assert all(60 <= note.pitch <= 84 and 0 <= note.start < solos.SECONDS for note in line.melody)
    assert all(48 <= note.pitch <= 59 and 0 <= note.start < solos.SECONDS for note in line.accompaniment)


def test_captions_are_grammatical() -> None:
    """Nobody trains on "a organ"."""
    random = Random(0)
    said = {solos.caption(random, name) for name in solos.NAMES for _ in range(40)}
    assert "a recording of an acoustic guitar solo" in said
    assert not [caption for caption in said if re.search(r"\ba [aeiou]", caption)]


def test_every_caption_word_is_a_token_and_any_other_is_spelled() -> None:
    """T5's table knows the captions' words whole, and no text at all becomes an unknown token."""
    tokenizer = text.build().tokenizer_2
    assert len(tokenizer("a recording of a violin solo").input_ids) == 7
    assert tokenizer.unk_token_id not in tokenizer("a theremin, played @ 3 a.m.!").input_ids


def test_instruments_play_the_same_notes_at_one_level() -> None:
    """Peaks are alike and the notes begin together: only the sound differs."""
    line = solos.compose(3)
    waves = [solos.play(line.melody, name) for name in ("piano", "flute")]
    assert all(abs(float(np.abs(wave).max()) - 0.5) < 1e-6 for wave in waves)
    assert all(len(wave) == solos.SAMPLES for wave in waves)
    assert float(np.corrcoef(*waves)[0, 1]) < 0.9


def test_a_roll_shows_what_sounds_and_what_begins() -> None:
    """A note of 0.5 s at 1 s stands in the slots of 0.16 s that it fills, and begins in the first of them."""
    table = audiomae.roll((Note(1.0, 1.5, 60),)).reshape(64, 2, -1)
    assert np.flatnonzero(table[:, 0, 60 - 48]).tolist() == [6, 7, 8]
    assert np.flatnonzero(table[:, 1, 60 - 48]).tolist() == [6]
    assert table.sum() == 4


def test_places_tell_every_patch_apart() -> None:
    """No two patches have the same place, and neighbours have near ones."""
    table = audiomae.places()
    distances = torch.cdist(table, table)
    assert distances.fill_diagonal_(9.0).min() > 0.05
    steps = [float((table[8 * a] - table[8 * b]).norm()) for a, b in pairwise(range(64))]
    assert max(steps) - min(steps) < 1e-4  # time passes evenly


def test_refining_gives_the_magnitudes_that_the_mel_asks_for() -> None:
    """A vocoder's noise goes where the mel has silence; the length stays, and no iteration changes nothing."""
    wanted = torch.from_numpy(solos.play(solos.compose(3).melody, "violin"))[None, :48_000]
    noise = torch.randn(wanted.shape, generator=torch.Generator().manual_seed(0))
    flawed, mel = wanted + 0.03 * noise, log_mel(wanted)

    def error(wave: torch.Tensor) -> float:
        return float((log_mel(wave) - mel).abs().mean())

    assert torch.equal(consistent(flawed, inversion.least_squares(mel), 0), flawed)
    refined = consistent(flawed, inversion.least_squares(mel), 4)
    assert refined.shape == wanted.shape
    assert error(refined) < 0.1 * error(flawed)


def test_the_inverter_hears_as_far_as_it_says() -> None:
    """A frame of the mel reaches the magnitudes of `context` frames on either side, and no others."""
    network = inversion.Inverter(width=16, depth=4)
    with torch.no_grad():
        plain = torch.full((1, 64, 64), -4.0)
        struck = plain.clone()
        struck[0, 32] = 1.0
        moved = (network(struck) != network(plain)).any(-1)[0].nonzero().flatten()
    assert (int(moved[0]), int(moved[-1])) == (32 - network.context, 32 + network.context)


def test_an_inverter_is_read_as_it_was_written(tmp_path: Path) -> None:
    """Width and depth come from the file; one of other tensors is refused."""
    network, path = inversion.Inverter(width=16, depth=2), tmp_path / "inverter.safetensors"
    save_file(half(network.state_dict()), path)
    mel = torch.randn(1, 20, 64, generator=torch.Generator().manual_seed(0))
    torch.testing.assert_close(
        inversion.load_inverter(path).magnitudes(mel), network.magnitudes(mel), rtol=0.02, atol=0
    )
    save_file({"inp.weight": torch.zeros(16, 64)}, path)
    with pytest.raises(BadCheckpoint, match="inverts mels"):
        inversion.load_inverter(path)


def test_a_piece_is_its_seed_and_stays_in_its_time() -> None:
    """And what it is recorded as is heard."""
    assert pieces.compose(5) == pieces.compose(5)
    for seed in range(40):
        notes = [note for part in pieces.compose(seed).parts for note in part]
        assert all(0 <= note.start < pieces.SECONDS and note.end > note.start for note in notes)
        assert all(pieces.LOWEST <= note.pitch <= pieces.HIGHEST for note in notes)
    sound = recordings.record(pieces.compose(5))
    assert sound.shape == (recordings.SAMPLES,)
    assert float(np.abs(sound).max()) == pytest.approx(recordings.PEAK, abs=1e-3)


def test_alignment_counts_what_is_heard_elsewhere() -> None:
    """Attention spread evenly misses its own moment by the share of it; a forward pass without audio counts nothing."""
    trainee = unet.Trainee()
    alignment = Alignment(trainee.unet)
    with torch.no_grad():
        for attn in trainee.unet.adaptable.values():
            attn.to_q.weight.zero_()  # every score is 0: every token alike
    prompt = trainee.text.encode(["a piano solo"])
    noise = torch.zeros(1, 8, 128, 8)
    trainee.unet.read_prompt(*prompt, torch.randn(1, 32, text.LOA_WIDTH), 1.0)  # 16 slots of 2 bands
    trainee.unet(noise, torch.tensor(500))
    # The deepest layers have a frame for each slot; finer frames still lie in one slot of 16.
    assert alignment.loss().item() == pytest.approx(math.log(16), abs=1e-3)
    trainee.unet.read_prompt(*prompt, None, 0.0)
    trainee.unet(noise, torch.tensor(500))
    assert alignment.loss().item() == 0.0


@pytest.mark.model
def test_every_stage_trains_and_goes_on_and_the_pack_plays(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """From nothing to a pack with two halves whose transfer half the product's engine loads and plays; a stage that
    is run again goes on from its checkpoint."""
    ticks = count()  # a look at the clock takes 100 ms: budgets of minutes are then numbers of steps, on any machine
    monkeypatch.setattr(schedule, "time", SimpleNamespace(monotonic=lambda: 0.1 * next(ticks)))
    for module in (vae, vocoder):
        monkeypatch.setattr(module, "TESTED", 2)
    monkeypatch.setattr(stages, "HELD_OUT_LINES", 8)
    monkeypatch.setattr(stages, "SHARES", dict.fromkeys(stages.SHARES, 0.05))
    monkeypatch.setattr(clap.train, "__defaults__", (None, 4))
    pack = tmp_path / "tiny"
    monkeypatch.setenv("PUNCHIN_PACKS", str(pack))  # which the last stage sets, too: here it is put back afterwards
    shutil.copytree(registry.EMBEDDED / "tiny", pack, ignore=shutil.ignore_patterns("transfer"))
    manifest = registry.read_pack(registry.EMBEDDED / "tiny").manifest
    registry.write_manifest(pack, _inpaint_only(manifest))
    work = stages.TransferStages(tmp_path / "work", 0.2, 8, pack, 1)
    (tmp_path / "work").mkdir()
    for name in stages.SHARES:
        getattr(work, name)()
    before = torch.load(work.file("vae"), weights_only=True)["step"]
    monkeypatch.setattr(stages, "SHARES", dict.fromkeys(stages.SHARES, 0.2))
    work.vae()
    assert torch.load(work.file("vae"), weights_only=True)["step"] > before > 0
    assert len(encoded.Encoded(work.codes)) == 8
    figures = (tmp_path / "work" / "transfer_figures.json").read_text()
    assert "target rendered: target instrument" in figures

    monkeypatch.setenv("PUNCHIN_PACKS", str(tmp_path))
    registry.verify(registry.find("tiny"))
    clip = Lines(work.held_out).wave(0, 0)[None, :48_000]
    request = TransferRequest(describe(clip, 16_000), "a violin solo", (TakeSpec(1),), steps=2)
    takes = [e for e in engine.load("tiny", "cpu", "float32").run(request, [clip]) if isinstance(e.event, Take)]
    assert takes[0].audio is not None
    assert takes[0].audio.shape == (1, 48_000)


@pytest.mark.model
def test_a_finished_half_is_unpacked_to_be_trained_further(tmp_path: Path) -> None:
    """What is read from the shipped pack and written again is what shipped, to the rounding of half precision."""
    shipped, written, work = registry.EMBEDDED / "tiny", tmp_path / "tiny", tmp_path / "work"
    shutil.copytree(shipped, written)
    start.unpack(shipped, work)
    stages.TransferStages(work, 0.0, 8, written, 1).half()
    registry.verify(registry.read_pack(written))
    for before in sorted((shipped / "transfer").rglob("*.safetensors")):
        after = load_file(written / before.relative_to(shipped))
        for name, tensor in load_file(before).items():
            torch.testing.assert_close(after[name], tensor, rtol=1e-3, atol=1e-6, msg=f"{before.parent.name} {name}")
    adapters = [torch.load(pack / "transfer" / ADAPTER, weights_only=True) for pack in (shipped, written)]
    torch.testing.assert_close(adapters[1], adapters[0], rtol=1e-3, atol=1e-6)
    trainee = torch.load(work / "unet.pt", weights_only=True)
    assert trainee["phase"] == unet.SHIPPED


def test_a_louder_prompt_keeps_its_own_instrument(tmp_path: Path) -> None:
    """At alpha 1 every item is what its caption says; at 2, the prompt's own sound, where the prompt is heard."""
    for name, kinds in ((encoded.LATENTS, 10), (encoded.TOKENS, 8)):
        shape = (kinds, 8, 4, 2) if kinds == 10 else (kinds, 512, 4)
        numbered = np.arange(kinds, dtype=np.float16).reshape(kinds, 1, 1, *[1] * (len(shape) - 3))
        np.save(tmp_path / f"0000000{name}", np.broadcast_to(numbered, shape))
    lines, silence = encoded.Encoded(tmp_path), torch.full((512, 4), -1.0)
    for alpha in (1.0, 2.0):
        batch = unet.draw(lines, silence, Random(0), 200, alpha)
        played, heard = batch.latents[:, 0, 0, 0].long().tolist(), batch.tokens[:, 1, 0].long().tolist()
        solos_heard = [(p, h) for p, h in zip(played, heard, strict=True) if p < len(solos.NAMES) and h >= 0]
        kept = sum(p == h for p, h in solos_heard) / len(solos_heard)
        assert kept == 1.0 if alpha == 2.0 else 0.2 < kept < 0.5


def _inpaint_only(manifest: registry.Manifest) -> registry.Manifest:
    files = tuple(file for file in manifest.files if not file.path.startswith("transfer/"))
    return msgspec.structs.replace(manifest, transfer=None, files=files)
