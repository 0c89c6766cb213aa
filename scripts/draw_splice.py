"""Draw docs/splice.png: one join of a stand-in take, cut in as it is and laid by the splice. Needs no model.

The song is synthesised here. The stand-in take is the song itself as a codec might give it back: mono, 32 kHz, 5 dB
too quiet, its spectrum roughened. So what the splice should reach is known: the song.
"""

from __future__ import annotations

import argparse
from pathlib import Path

import matplotlib as mpl
import numpy as np
import numpy.typing as npt
import scipy.signal
import soxr
from punchin_bridge.splice.lay import Excerpt, Take, lay
from punchin_bridge.splice.level import loudness
from punchin_bridge.splice.place import place
from punchin_bridge.splice.seam import table
from punchin_bridge.takes.inpaint import SPLICE

RATE, MODEL = 44_100, 32_000
SECONDS = 8
HOLE = (3 * RATE, 5 * RATE)
Array = npt.NDArray[np.float64]


def song() -> Array:
    """Four plucked chords and a hi-hat, `[2, samples]`."""
    random = np.random.default_rng(5)
    time = np.arange(SECONDS * RATE) / RATE
    chords = [(220, 277, 330), (185, 220, 277), (147, 185, 220), (165, 208, 247)]
    audio = np.zeros((2, len(time)))
    for beat in range(2 * SECONDS):
        since = time - beat / 2
        for voice, hz in enumerate(chords[beat // 4 % 4]):
            pluck = np.where(since >= 0, np.exp(-3 * since) * np.sin(2 * np.pi * hz * since), 0)
            audio += 0.09 * pluck * np.array([[1.0 - 0.3 * voice / 2], [0.7 + 0.3 * voice / 2]])
        hat = np.where(since >= 0.25, np.exp(-40 * np.maximum(since - 0.25, 0)), 0)
        audio += 0.02 * hat * random.standard_normal((2, len(time)))
    return audio


def stand_in(audio: Array) -> Array:
    """The take: `[samples]` at the model's rate."""
    mono = soxr.resample(audio.mean(axis=0), RATE, MODEL, quality="VHQ")
    random = np.random.default_rng(0)
    transform = scipy.signal.ShortTimeFFT(scipy.signal.get_window("hann", 1024), 256, MODEL)
    padded = np.pad(mono, 1024)
    spectrum = transform.stft(padded)
    wrong = random.normal(0, 0.3, spectrum.shape) + 1j * random.normal(0, 0.5, spectrum.shape)
    take: Array = transform.istft(spectrum * np.exp(wrong), k1=len(padded))[1024:-1024]
    return take * mono.std() / take.std() * 10 ** (-5 / 20)


def momentary(audio: Array, times: Array) -> list[float]:
    """Loudness of the 400 ms before each time."""
    return [loudness(audio, RATE, (int((t - 0.4) * RATE), int(t * RATE))) for t in times]


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--out", type=Path, default=Path(__file__).resolve().parents[1] / "docs" / "splice.png")
    target = parser.parse_args().out
    mpl.use("Agg")
    from matplotlib import pyplot

    before = song()
    take = stand_in(before)
    (part,) = lay(Excerpt(before, RATE), [HOLE], Take(take, MODEL), SPLICE)
    start, end = HOLE
    cut, laid = before.copy(), before.copy()
    cut[:, start:end] = place(take, 0, MODEL, RATE, before.shape[1])[start:end]
    laid[:, start:end] = part.audio

    figure, axes = pyplot.subplots(4, 1, figsize=(9, 8), constrained_layout=True)
    near = slice(start - round(0.06 * RATE), start + round(0.06 * RATE))
    milliseconds = (np.arange(near.start, near.stop) - start) / RATE * 1000
    for axis, audio, name in zip(axes, (before, cut, laid), ("song", "cut in as it is", "laid"), strict=False):
        axis.plot(milliseconds, audio[0, near], color="tab:blue", lw=0.8, label="left")
        axis.plot(milliseconds, audio[1, near], color="tab:orange", lw=0.8, label="right")
        axis.set(ylabel=name, xlim=(-60, 60), ylim=(-0.35, 0.35))
        axis.axvline(0, color="black", lw=0.8)
    axes[2].axvspan(0, 20, color="tab:green", alpha=0.15, label="crossfade, inside the hole")
    axes[2].legend(loc="upper right", ncols=3, fontsize=8)
    axes[2].set_xlabel("ms from the left join")
    times = np.arange(1.0, SECONDS, 0.05)
    for audio, name, style in ((before, "song", "k-"), (cut, "cut in as it is", "r--"), (laid, "laid", "g-")):
        axes[3].plot(times, momentary(audio, times), style, lw=1.2, label=name)
    axes[3].axvspan(start / RATE, end / RATE, color="tab:gray", alpha=0.15)
    axes[3].set(xlabel="s (the hole is grey)", ylabel="momentary LUFS", xlim=(1, SECONDS))
    axes[3].legend(loc="lower right", ncols=3, fontsize=8)
    figure.savefig(target, dpi=90, metadata={"Software": None})
    for row in table(part.report):
        print(f"{row[0]:17} {row[1]}")


if __name__ == "__main__":
    main()
