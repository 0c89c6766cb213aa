"""Draw docs/panel.png: the layout that `punchin surface layout touchosc` writes, every parameter where it begins.

Boxes and words come from the layout itself; what the displays say is an example.
"""

from __future__ import annotations

import argparse
from pathlib import Path
from typing import TYPE_CHECKING
from xml.etree.ElementTree import Element

import matplotlib as mpl
from punchin_bridge.surfaces.layouts import panel, touchosc
from punchin_wire.params import TABLE

if TYPE_CHECKING:
    from matplotlib.axes import Axes

NOW = {"host": "Ardour", "job": "2 takes of bars 5 to 8: 60 %", "takes": "2", "foot": "in at 5.1", "chord": "A:min7"}
DONE = 0.6
DOTS = 100  # an inch
DARK, BOX, LIT, INK, QUIET = "#20242c", "#39404d", "#5e81ac", "#eceff4", "#a9b1c0"


def texts() -> dict[str, str]:
    """What each label that shows a value says."""
    said = {each.name: f"{each.default:.4g}" if each.type is float else str(each.default) for each in TABLE}
    shown = {f"{fader.label} value": said[control(fader.address)] for fader in faders()}
    return NOW | shown | {field.label: said[control(field.address)] or "…" for field in panel.fields()}


def places() -> dict[str, float]:
    """Where each fader stands."""
    begun = {each.name: each.normalized(each.default) for each in TABLE if each.is_fader}
    return {fader.label: begun[control(fader.address)] for fader in faders()} | {"fraction": DONE}


def faders() -> list[panel.Fader]:
    return [fader for row in panel.faders() for fader in row]


def control(address: str) -> str:
    return address.rpartition("/")[2]


def draw(axes: Axes, node: Element, said: dict[str, str], stands: dict[str, float]) -> None:
    """One node of the layout."""
    from matplotlib.patches import Rectangle

    listed = {p.findtext("key"): p.find("value") for p in node.iterfind("properties/property")}
    words = {key: value.text for key, value in listed.items() if value is not None}
    frame, name = listed["frame"], words["name"] or ""
    assert frame is not None
    left, top, width, height = (float(frame.findtext(axis, "0")) for axis in "xywh")
    if node.get("type") == "LABEL":
        own = {v.findtext("key"): v.findtext("default", "") for v in node.iterfind("values/value")}["text"]
        size, ink = 65 / DOTS * float(words["textSize"] or 13), INK if name in said else QUIET
        at = (left + width / 2, top + height / 2)
        axes.text(*at, said.get(name, own), size=size, ha="center", va="center", color=ink)
        return
    axes.add_patch(Rectangle((left, top), width, height, color=BOX))
    if node.get("type") == "FADER":
        share = stands[name]
        if words.get("orientation") == "1":
            axes.add_patch(Rectangle((left, top), width * share, height, color=LIT))
        else:
            axes.add_patch(Rectangle((left, top + height * (1 - share)), width, height * share, color=LIT))


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--out", type=Path, default=Path(__file__).resolve().parents[1] / "docs" / "panel.png")
    target = parser.parse_args().out
    mpl.use("Agg")
    from matplotlib import pyplot

    figure = pyplot.figure(figsize=(touchosc.WIDTH / DOTS, touchosc.HEIGHT / DOTS), facecolor=DARK)
    axes = figure.add_axes((0, 0, 1, 1))
    axes.set(xlim=(0, touchosc.WIDTH), ylim=(touchosc.HEIGHT, 0))
    axes.axis("off")
    said, stands = texts(), places()
    for node in touchosc.tree(9000).iterfind("node/children/node"):
        draw(axes, node, said, stands)
    figure.savefig(target, dpi=DOTS, facecolor=DARK, metadata={"Software": None})


if __name__ == "__main__":
    main()
