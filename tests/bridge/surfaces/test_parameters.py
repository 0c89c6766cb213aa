"""What surfaces set is what a host could have asked for itself."""

from __future__ import annotations

import math
from typing import Any

import msgspec
import pytest
from msgspec import UNSET
from punchin_bridge.surfaces.parameters import MAX_TEXT, Parameters
from punchin_wire.errors import BadSetting
from punchin_wire.parameter import Parameter
from punchin_wire.params import ENGINES, TABLE, InpaintParams, Sampling, TransferParams

FADERS = [each for each in TABLE if each.is_fader]


def put(**values: Any) -> Parameters:
    parameters = Parameters()
    for name, value in values.items():
        parameters.set(name, value)
    return parameters


def test_untouched_parameters_leave_the_hosts_own_settings() -> None:
    parameters = put(temperature=0.7)
    assert parameters.params("transfer") is UNSET
    assert isinstance(parameters.params("inpaint"), InpaintParams)
    parameters.reset()
    assert parameters.params("inpaint") is UNSET
    assert parameters.values["temperature"] == 1.0


def test_every_parameter_of_an_engine_reaches_its_job() -> None:
    parameters = put(
        takes=3, seed=7, pack="big", text="slow", temperature=0.5, top_k=40, text_guidance=2.0, chord=0.0, drums=1.5,
        piano=0.5, chord_rhythm="compat",
    )  # fmt: skip
    assert parameters.params("inpaint") == InpaintParams(
        3, 7, {"chord": 0.0, "drums": 1.5, "piano": 0.5}, text="slow", pack="big", chord_rhythm="compat",
        sampling=Sampling(0.5, 40, 2.0),
    )  # fmt: skip
    parameters = put(
        to="violin", source="piano", takes=2, pooling_time=4, pooling_frequency=8, alpha=0.3, guidance=5.0,
        scheduler="ddim", steps=30,
    )  # fmt: skip
    assert parameters.params("transfer") == TransferParams(
        "violin", takes=2, source="piano", pooling=(4, 8), alpha=0.3, guidance=5.0, scheduler="ddim", steps=30
    )


def test_what_nobody_touched_is_not_asked_for() -> None:
    assert put(chord=0.5).params("inpaint") == InpaintParams(weights={"chord": 0.5})
    assert put(to="violin", scheduler="ddim").params("transfer") == TransferParams("violin", scheduler="ddim")


def test_what_was_put_back_is_up_to_the_pack_again() -> None:
    parameters = put(to="violin", scheduler="ddim", steps=9, source="piano")
    for name, value in (("scheduler", "pack"), ("steps", 0), ("source", "")):
        parameters.set(name, value)
    assert parameters.params("transfer") == TransferParams("violin")


@pytest.mark.parametrize("each", FADERS, ids=lambda each: each.name)
def test_every_place_of_a_fader_makes_a_job(each: Parameter[Any]) -> None:
    for place in (0.0, 0.5, 1.0):
        parameters = put(to="violin")
        parameters.set(each.name, each.plain(place))
        for engine in each.engines:
            made = parameters.params(engine)
            assert made == msgspec.json.decode(msgspec.json.encode(made), type=type(made))


def test_a_new_task_brings_its_values() -> None:
    parameters = put(to="jazz", task="genre")
    values = parameters.values
    assert (values["pooling_time"], values["alpha"], values["guidance"]) == (4, 0.55, 9.5)
    parameters.set("alpha", 0.2)
    parameters.set("task", "genre")
    assert values["alpha"] == 0.2
    parameters.set("task", "timbre")
    assert (values["pooling_frequency"], values["alpha"], values["guidance"]) == (2, 0.5, 7.5)


def test_one_half_of_a_pair_leaves_the_other_to_the_task() -> None:
    made = put(to="jazz", task="genre", pooling_time=8).params("transfer")
    assert isinstance(made, TransferParams)
    assert made.pooling == (8, 4)


def test_what_a_method_lacks_waits_until_the_method_has_it() -> None:
    parameters = put(to="violin", alpha=0.2, strength=0.3)
    assert parameters.params("transfer") == TransferParams("violin", alpha=0.2)
    parameters.set("method", "sdedit")
    assert parameters.params("transfer") == TransferParams("violin", method="sdedit", strength=0.3)


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
        ("text", "x" * (MAX_TEXT + 1)),
        ("text", "two\nlines"),
        ("text", 3.0),
        ("takes", 17),
        ("seed", -2),
        ("pack", "../../etc"),
        ("loudness", 1.0),
    ],
)
def test_what_cannot_be_set_changes_nothing(name: str, value: object) -> None:
    parameters = Parameters()
    before = dict(parameters.values)
    with pytest.raises(BadSetting):
        parameters.set(name, value)
    assert parameters.values == before
    assert not parameters.touched


def test_whole_numbers_may_come_as_floats() -> None:
    parameters = put(takes=2.6, top_k=100.0)
    assert (parameters.values["takes"], parameters.values["top_k"]) == (3, 100)


def test_a_transfer_to_nothing_is_refused_with_what_to_do() -> None:
    with pytest.raises(BadSetting, match="become") as refused:
        put(alpha=0.5).params("transfer")
    assert "violin" in refused.value.next_step


def test_what_they_begin_with_can_be_set() -> None:
    for each in TABLE:
        assert each.engines[0] in ENGINES
        parameters = put(**{each.name: each.default})
        assert parameters.values == Parameters().values
    assert msgspec.json.encode(Parameters().values)
