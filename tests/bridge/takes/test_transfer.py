"""A clip and parameters become one request of exactly the region; what cannot be is refused before any work is done."""

from pathlib import Path

import msgspec
import numpy as np
import pytest
import soundfile
from fakes.songs import RATE, SECONDS, audio, write_chords, write_silence, write_song
from punchin_bridge.audio import bwf, wavfile
from punchin_bridge.music.region import Region
from punchin_bridge.splice.lay import SpliceSettings
from punchin_bridge.takes import inpaint, recipe
from punchin_bridge.takes.location import Where
from punchin_bridge.takes.order import Order
from punchin_bridge.takes.presets import Task
from punchin_bridge.takes.request import RETRIES
from punchin_bridge.takes.tasks import AccompanimentOrder
from punchin_bridge.takes.transfer import SPLICE, check_sound, compose, repeat, turned
from punchin_wire.errors import BadAudio, BadRecipe, BadRegion, BadSetting, FileMissing, TooLarge
from punchin_wire.messages import AudioRef, TakeSpec, TransferRequest
from punchin_wire.params import InpaintParams, TransferParams

VIOLIN = TransferParams("violin")
WHOLE = Where()


@pytest.fixture
def clip(tmp_path: Path) -> Path:
    return write_song(tmp_path, "clip.wav")


def test_the_whole_clip_is_the_default(clip: Path) -> None:
    order = compose(clip, WHOLE, TransferParams("violin", source="piano", takes=2), 7)
    assert order.region == order.around == order.source == Region(0, SECONDS * RATE)
    assert order.holes == (order.region,)
    assert order.scene == "violin"
    assert order.request == TransferRequest(
        source=AudioRef(0, RATE, 2, SECONDS * RATE),
        prompt="a recording of a violin solo",
        negative_prompt="a recording of a piano solo",
        takes=(TakeSpec(7), TakeSpec(8)),
        pooling=(2, 2),
        alpha=0.5,
        guidance=7.5,
        hold=None,
        loop_short=True,
        retries=RETRIES,
    )
    assert np.allclose(order.audio[0], audio(), atol=2**-23)
    assert order.inputs[0].sha256 == recipe.sha256(order.audio[0])


def test_a_region_travels_alone_and_is_laid_among_its_neighbours(tmp_path: Path) -> None:
    path = tmp_path / "long.wav"
    soundfile.write(path, np.random.default_rng(0).normal(0, 0.1, 8000 * 120), 8000, subtype="PCM_16")
    order = compose(path, Where(60.0, 62.5), VIOLIN, 0)
    assert order.region == order.source == Region(60 * 8000, 62 * 8000 + 4000)
    assert order.audio[0].shape == (1, 20_000)
    assert order.around == Region(45 * 8000, 77 * 8000 + 4000)
    assert order.scene == "violin_60.000-62.500s"


def test_bars_and_tempo_are_as_for_inpainting(tmp_path: Path, clip: Path) -> None:
    order = compose(clip, Where(bars="5:8", tempo=120), VIOLIN, 0)
    assert (order.region, order.scene, order.tempo) == (Region(8 * RATE, 16 * RATE), "violin_bars5-8", bwf.Tempo(120))
    assert compose(clip, Where(bars="2", midi_tempo=write_chords(tmp_path)), VIOLIN, 0).region.samples == 2 * RATE
    assert compose(clip, Where(tempo=120), VIOLIN, 0).tempo == bwf.Tempo(120)
    for where, error in [(Where(1.0), BadRegion), (Where(bars="1:2"), BadSetting), (Where(30, 40), BadRegion)]:
        with pytest.raises(error):
            compose(clip, where, VIOLIN, 0)


def test_every_parameter_reaches_the_request(clip: Path) -> None:
    params = TransferParams(
        "Jazz", "genre", pack="big", pooling=(8, 1), alpha=1.25, guidance=0.5, hold=0.25, scheduler="unipc", steps=17
    )
    request = compose(clip, WHOLE, params, 0, score=True).request
    assert (request.pooling, request.alpha, request.guidance, request.hold) == ((8, 1), 1.25, 0.5, 0.25)
    assert (request.scheduler, request.steps, request.pack, request.score) == ("unipc", 17, "big", True)
    request = compose(clip, WHOLE, TransferParams("Jazz", "genre", method="sdedit", strength=0.3), 0).request
    assert (request.method, request.strength, request.guidance) == ("sdedit", 0.3, 9.5)


def test_how_firmly_a_clip_is_held_is_the_packs_to_say_unless_a_recipe_does(clip: Path) -> None:
    """A request says outright that it is open; one from before there was `hold` has none and repeats without."""
    request = compose(clip, WHOLE, VIOLIN, 0).request
    assert request.hold is None
    kept = msgspec.to_builtins(request)
    assert msgspec.convert(kept, TransferRequest) == request
    del kept["hold"]
    assert msgspec.convert(kept, TransferRequest).hold == 0.0
    assert compose(clip, WHOLE, TransferParams("Jazz", "genre"), 0).request.hold == 0.0


@pytest.mark.parametrize(
    "params",
    [
        TransferParams("violin", alpha=-0.1),
        TransferParams("violin", alpha=float("nan")),
        TransferParams("violin", guidance=31.0),
        TransferParams("violin", steps=0),
        TransferParams("violin", method="sdedit", strength=0.0),
        TransferParams("violin", method="sdedit", alpha=0.5),
        TransferParams("violin", strength=0.5),
        TransferParams("violin", hold=1.1),
    ],
)
def test_parameters_out_of_range_are_refused(clip: Path, params: TransferParams) -> None:
    with pytest.raises(BadSetting):
        compose(clip, WHOLE, params, 0)


def test_other_parameters_are_another_request_for_the_same_audio(clip: Path) -> None:
    order = compose(clip, WHOLE, TransferParams("violin", source="piano", pack="big"), 7, score=True)
    other = turned(order, TransferParams("violin", alpha=0.3, pack="big"), "alpha0.3")
    assert other.scene == "violin_alpha0.3"
    assert other.audio[0] is order.audio[0]
    assert (other.request.alpha, other.request.pooling, other.request.score) == (0.3, (2, 2), True)
    assert (other.request.prompt, other.request.negative_prompt) == (
        order.request.prompt,
        order.request.negative_prompt,
    )
    with pytest.raises(BadSetting):
        turned(order, TransferParams("violin", alpha=9.0), "alpha9")


def test_what_can_be_written_of_an_accompaniment(clip: Path) -> None:
    """Its part replaces nothing, so it is as loud as it is, has no joins, and takes no highs from the clip."""
    part = TransferParams("cello", "accompaniment")
    order = compose(clip, Where(4.0, 6.0), part, 0)
    assert isinstance(order, AccompanimentOrder)
    assert order.around == order.region
    assert (order.splice.level, order.splice.width, order.splice.highband) == ("own", "replaced", "extend")
    assert compose(clip, Where(4.0, 6.0), part, 0, full=True, mix=True).full
    for params, full, mix, splice in [
        (part, True, False, SPLICE),
        (VIOLIN, False, True, SPLICE),
        (part, False, False, SpliceSettings(highband="source")),
    ]:
        with pytest.raises(BadSetting):
            compose(clip, WHOLE, params, 0, full, mix, splice=splice)


# ---- bad input -----------------------------------------------------------------------------------------------


def test_regions_too_long_or_too_short(tmp_path: Path) -> None:
    """Said before anything of the file is read, whatever lies in it."""
    hours = write_silence(tmp_path / "hours.wav", 22050, 2, 7 * 3600)
    for where, said in [(WHOLE, "25200 s long"), (Where(0, 1200), "1200 s long"), (Where(5, 5.049), "49 ms long")]:
        with pytest.raises(BadRegion, match=said):
            compose(hours, where, VIOLIN, 0)
    wide = write_silence(tmp_path / "wide.wav", 192_000, 16, 180)
    with pytest.raises(TooLarge, match="16 channels"):
        compose(wide, WHOLE, VIOLIN, 0)


def write(path: Path, samples: np.ndarray, rate: int = RATE) -> Path:
    soundfile.write(path, samples.T, rate, subtype="FLOAT")
    return path


def test_clips_that_hold_nothing_to_hear(tmp_path: Path) -> None:
    time = np.arange(RATE)
    tone = np.sin(2 * np.pi * 440 * time / RATE)
    cases = {
        "silence": np.zeros((2, RATE)),
        "offset": np.full((2, RATE), 0.3),
        "dither": 10 ** (-91 / 20) * np.sign(tone)[None],
        "opposed": 0.5 * np.stack([tone, -tone]),
    }
    said = {
        "silence": "holds silence",
        "offset": "constant offset",
        "dither": "silence",
        "opposed": "cancel each other",
    }
    for name, samples in cases.items():
        with pytest.raises(BadAudio, match=said[name]) as caught:
            compose(write(tmp_path / f"{name}.wav", samples), WHOLE, VIOLIN, 0)
        assert caught.value.next_step != BadAudio.default_next_step
    nan = np.stack([tone, tone])
    nan[1, 500] = np.nan
    with pytest.raises(BadAudio, match="not numbers"):
        compose(write(tmp_path / "nan.wav", nan), WHOLE, VIOLIN, 0)
    with pytest.raises(BadAudio, match="not numbers"):  # beside the region: found before the work, not after it
        compose(tmp_path / "nan.wav", Where(0.5, 0.7), VIOLIN, 0)


def test_quiet_and_offset_sound_is_sound() -> None:
    tone = np.sin(np.arange(1000.0))[None].astype(np.float32)
    check_sound(10 ** (-85 / 20) * tone, "quiet")
    check_sound(0.5 + 0.01 * tone, "offset")
    check_sound(np.concatenate([tone, 0.9 * -tone]), "almost opposed")


@pytest.mark.parametrize(("rate", "channels", "samples"), [(192_000, 6, 19_200), (8000, 1, 400), (44_056, 2, 10_000)])
def test_odd_formats_travel_as_they_are(tmp_path: Path, rate: int, channels: int, samples: int) -> None:
    sound = np.random.default_rng(0).normal(0, 0.1, (channels, samples)).astype(np.float32)
    order = compose(write(tmp_path / "odd.wav", sound, rate), WHOLE, VIOLIN, 0)
    assert order.request.source == AudioRef(0, rate, channels, samples)
    assert np.array_equal(order.audio[0], sound)


def test_texts_and_takes_that_are_none(clip: Path) -> None:
    for params in [
        TransferParams(" "),
        TransferParams("violin", source=" "),
        TransferParams("x" * 501),
        TransferParams("violin", negative="x" * 501),
        TransferParams("violin", pack="../etc"),
        TransferParams("violin", takes=0),
        TransferParams("violin", takes=17),
    ]:
        with pytest.raises(BadSetting):
            compose(clip, WHOLE, params, 0)


# ---- again ---------------------------------------------------------------------------------------------------


def keep(order: Order, folder: Path, take: int = 0, task: bool = True) -> Path:
    """A file with the order's recipe, as a take has it."""
    path = folder / "take.wav"
    tags = bwf.Tags("r", "clip", order.scene, 1, "2025-01-31T18:20:05")
    made = order.recipe(take, order.request.takes[take].seed, {"pack": "tiny"}, "0.1.0", tags.created)
    payload = recipe.encode(made if task else msgspec.structs.replace(made, task=None, scene=""))
    wavfile.write_region(path, order.song, order.region.start, np.zeros((2, order.region.samples)), tags, payload)
    return path


@pytest.mark.parametrize("task", [Task("timbre", "violin"), Task("accompaniment", "cello", mix=True)])
@pytest.mark.parametrize("where", [WHOLE, Where(4.0, 6.0)])
def test_a_recipe_orders_the_same_take_again(tmp_path: Path, clip: Path, task: Task, where: Where) -> None:
    splice = SpliceSettings(level="replaced", width="mono", highband="none")
    order = compose(clip, where, TransferParams(task.to, task.name, 2, steps=9), 3, mix=task.mix, splice=splice)
    again = repeat(keep(order, tmp_path, take=1))
    assert again.request.takes == (TakeSpec(4),)
    assert again.request.steps == 9
    for name in ("region", "around", "source", "holes", "scene", "splice", "task", "inputs"):
        assert getattr(again, name) == getattr(order, name)
    assert np.array_equal(again.audio[0], order.audio[0])
    assert again.models == {"pack": "tiny"}


def test_the_clip_may_have_moved_and_may_not_have_changed(tmp_path: Path, clip: Path) -> None:
    take = keep(compose(clip, Where(4.0, 6.0), VIOLIN, 3), tmp_path)
    moved = clip.rename(tmp_path / "moved.wav")
    assert repeat(take, moved).song.path == moved
    with pytest.raises(FileMissing, match=r"clip\.wav"):
        repeat(take)
    soundfile.write(clip, audio().T * 0.5, RATE, subtype="PCM_24")
    with pytest.raises(BadRecipe, match=r"clip\.wav has changed"):
        repeat(take)


def test_each_command_knows_the_others_takes(tmp_path: Path, clip: Path) -> None:
    take = keep(compose(clip, WHOLE, VIOLIN, 3), tmp_path)
    with pytest.raises(BadRecipe, match="is a transfer") as caught:
        inpaint.repeat(take)
    assert "`punchin transfer --again take.wav`" in caught.value.next_step
    take.unlink()
    take = keep(inpaint.compose(clip, Where(4, 6), inpaint.Sources(), InpaintParams(), 0), tmp_path)
    with pytest.raises(BadRecipe, match="is a punch-in") as caught:
        repeat(take)
    assert "`punchin inpaint --again take.wav`" in caught.value.next_step


def test_a_transfer_of_another_program_can_be_made_again(tmp_path: Path, clip: Path) -> None:
    """A recipe without the musician's task is laid as its settings say."""
    order = compose(clip, WHOLE, VIOLIN, 3)
    again = repeat(keep(order, tmp_path, task=False))
    assert again.task == Task("timbre", "a recording of a violin solo")
    assert again.scene == "a-recording-of-a-violin-solo"
