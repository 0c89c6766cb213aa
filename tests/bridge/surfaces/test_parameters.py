"""What surfaces turn becomes a wish that a host could have made itself."""

from __future__ import annotations

import math
from typing import Any

import msgspec
import pytest
from msgspec import UNSET
from punchin_bridge.hosts.protocol import InpaintWish, TransferWish
from punchin_bridge.surfaces.parameters import BY_NAME, DRAWN, TABLE, Control, Controls
from punchin_wire.errors import BadSetting
from punchin_wire.messages import Sampling

FADERS = [control for control in TABLE if control.is_fader]


def put(**values: Any) -> Controls:
    controls = Controls()
    for name, value in values.items():
        controls.set(name, value)
    return controls


def test_untouched_controls_leave_the_hosts_own_settings() -> None:
    controls = put(temperature=0.7)
    assert controls.wish("transfer") is UNSET
    assert isinstance(controls.wish("inpaint"), InpaintWish)
    controls.reset()
    assert controls.wish("inpaint") is UNSET
    assert controls.values["temperature"] == 1.0


def test_every_control_of_an_engine_reaches_its_wish() -> None:
    controls = put(
        takes=3, seed=7, pack="big", text="slow", temperature=0.5, top_k=40, cfg=2.0, chord=0.0, drums=1.5, piano=0.5
    )
    assert controls.wish("inpaint") == InpaintWish(
        3, 7, {"chord": 0.0, "drums": 1.5, "piano": 0.5}, text="slow", pack="big", sampling=Sampling(0.5, 40, 2.0)
    )
    controls = put(
        to="violin", source="piano", takes=2, pooling_time=4, pooling_frequency=8, alpha=0.3, guidance=5.0,
        scheduler="ddim", steps=30,
    )  # fmt: skip
    assert controls.wish("transfer") == TransferWish(
        "violin", takes=2, source="piano", pooling=(4, 8), alpha=0.3, guidance=5.0, scheduler="ddim", steps=30
    )


def test_a_weight_that_nobody_touched_is_not_asked_for() -> None:
    wish = put(chord=0.5).wish("inpaint")
    assert isinstance(wish, InpaintWish)
    assert wish.weights == {"chord": 0.5}


@pytest.mark.parametrize("control", FADERS, ids=lambda control: control.name)
def test_both_ends_of_every_fader_make_a_wish(control: Control) -> None:
    for place in (0.0, 0.5, 1.0):
        controls = put(to="violin")
        controls.set(control.name, control.at(place))
        for engine in control.engines:
            assert controls.wish(engine) is not UNSET


@pytest.mark.parametrize("control", FADERS, ids=lambda control: control.name)
def test_a_fader_stands_where_its_value_is(control: Control) -> None:
    assert control.at(-3) == control.at(0)
    assert control.at(7) == control.at(1)
    for step in range(21):
        value = control.at(step / 20)
        assert control.check(value) == value
        assert type(value) is control.type
        width = 1 / max(control.steps - 1, 1) if control.steps and control.steps < 20 else 0.05
        assert control.place(value) == pytest.approx(step / 20, abs=width / 2 + (0.2 if control.log else 1e-6))
        assert control.at(control.place(value)) == pytest.approx(value) if control.type is not str else True


def test_a_new_task_brings_its_preset() -> None:
    controls = put(to="jazz", task="genre")
    assert (controls.values["pooling_time"], controls.values["alpha"], controls.values["guidance"]) == (4, 0.55, 9.5)
    controls.set("alpha", 0.2)
    controls.set("task", "genre")
    assert controls.values["alpha"] == 0.2


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("temperature", 0.0),
        ("temperature", math.nan),
        ("temperature", math.inf),
        ("temperature", "hot"),
        ("temperature", True),
        ("pooling_time", 3),
        ("task", "remix"),
        ("text", "x" * 201),
        ("text", "two\nlines"),
        ("text", 3.0),
        ("takes", 17),
        ("seed", -2),
        ("loudness", 1.0),
    ],
)
def test_what_cannot_be_set_changes_nothing(name: str, value: object) -> None:
    controls = Controls()
    before = dict(controls.values)
    with pytest.raises(BadSetting):
        controls.set(name, value)
    assert controls.values == before
    assert not controls.touched


def test_whole_numbers_may_come_as_floats() -> None:
    controls = put(takes=2.6, top_k=100.0)
    assert (controls.values["takes"], controls.values["top_k"]) == (3, 100)


def test_a_transfer_to_nothing_is_refused_with_what_to_do() -> None:
    with pytest.raises(BadSetting, match="become") as refused:
        put(alpha=0.5).wish("transfer")
    assert "violin" in refused.value.next_step


def test_an_impossible_pack_is_refused_when_it_is_asked_for() -> None:
    with pytest.raises(BadSetting, match="pack"):
        put(pack="../../etc").wish("inpaint")


def test_the_drawn_seed_is_none() -> None:
    wish = put(seed=DRAWN, takes=2).wish("inpaint")
    assert isinstance(wish, InpaintWish)
    assert wish.seed is None


def test_defaults_are_values() -> None:
    for control in TABLE:
        assert control.check(control.default) == control.default
    assert list(BY_NAME) == [control.name for control in TABLE]
    assert msgspec.json.encode(Controls().values)
