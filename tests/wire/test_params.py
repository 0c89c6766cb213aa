"""The table of parameters: every value is one that its struct takes, and every place of a fader is a value."""

from __future__ import annotations

import math
from typing import Any

import msgspec
import pytest
from punchin_wire.errors import BadSetting
from punchin_wire.parameter import Parameter
from punchin_wire.params import (
    BY_NAME,
    ENGINES,
    SHARED,
    TABLE,
    Denoising,
    InpaintParams,
    Sampling,
    TransferParams,
    build,
    find,
    flags,
)

NUMBERS = [each for each in TABLE if each.type is not str and not each.choices]
FADERS = [each for each in TABLE if each.is_fader]


def each_id(each: Parameter[Any]) -> str:
    return each.name


def made(each: Parameter[Any], value: Any) -> list[Any]:
    """What a value becomes, as it comes over the wire."""
    rest = {"to": "violin"}
    structs = [build(engine, (rest if engine == "transfer" else {}) | {each.name: value}) for engine in each.engines]
    return [msgspec.json.decode(msgspec.json.encode(one), type=type(one)) for one in structs]


# ---- the table -----------------------------------------------------------------------------------------------


def test_names_are_their_own_and_texts_are_sentences() -> None:
    assert len(BY_NAME) == len(TABLE)
    for each in TABLE:
        assert each.name.isidentifier()
        assert each.text.endswith(".")
        assert set(each.engines) <= set(ENGINES)
        assert each.short.isascii()
        assert len(each.short) <= 6
    with pytest.raises(BadSetting, match="no parameter 'loudness'"):
        find("loudness")


def test_every_field_of_the_structs_is_in_the_table() -> None:
    """But for `specs`, which say each take's weights."""
    for engine, struct in (("inpaint", InpaintParams), ("transfer", TransferParams)):
        paths = {each.path for each in TABLE if engine in each.engines}
        assert {path.partition(".")[0] for path in paths} == set(struct.__struct_fields__) - {"specs"}
    assert {each.path for each in TABLE if each.path.startswith("sampling.")} == {
        f"sampling.{name}" for name in Sampling.__struct_fields__
    }
    assert set(Denoising.__struct_fields__) < set(flags("transfer")) & set(TransferParams.__struct_fields__)


def test_defaults_of_the_structs_are_those_of_the_table() -> None:
    request = Denoising()
    for name in Denoising.__struct_fields__:
        first = flags("transfer")[name].parameters[0]
        value = getattr(request, name)
        assert (value[0] if isinstance(value, tuple) else value) == (
            first.default if first.has(first.default) else None
        )
    for struct, parameter in ((InpaintParams(), "takes"), (InpaintParams(), "pack"), (TransferParams("a"), "task")):
        assert getattr(struct, parameter) == BY_NAME[parameter].default


@pytest.mark.parametrize("each", NUMBERS, ids=each_id)
def test_ends_of_a_range_travel_and_what_lies_beyond_does_not(each: Parameter[Any]) -> None:
    beyond = 1 if each.type is int else 1e-6
    low = each.low if not each.above else each.type(each.low + beyond)
    assert made(each, each.type(low))
    assert made(each, each.type(each.high))
    for wrong in (low - beyond, each.high + beyond):
        assert not each.has(wrong)
        with pytest.raises(msgspec.ValidationError):
            made(each, each.type(wrong)) if each.type(wrong) != each.default else msgspec.convert(wrong, str)


@pytest.mark.parametrize("each", [each for each in TABLE if each not in NUMBERS], ids=each_id)
def test_choices_and_texts_travel_and_others_do_not(each: Parameter[Any]) -> None:
    for value in each.choices or ("x", "x" * each.length):
        assert made(each, value)
    wrong: Any = 3 if each.choices and each.type is int else "x" * 501 if each.type is str else "no"
    assert not each.has(wrong)
    with pytest.raises(msgspec.ValidationError):
        made(each, wrong)


# ---- one parameter -------------------------------------------------------------------------------------------


@pytest.mark.parametrize("each", FADERS, ids=each_id)
def test_a_fader_stands_where_its_value_is(each: Parameter[Any]) -> None:
    assert each.plain(-3) == each.plain(0)
    assert each.plain(7) == each.plain(1)
    for step in range(21):
        value = each.plain(step / 20)
        assert each.check(value, or_unsaid=True) == value
        assert type(value) is each.type
        width = 1 / max(each.steps - 1, 1) if each.steps and each.steps < 20 else 0.05
        assert each.normalized(value) == pytest.approx(step / 20, abs=width / 2 + (0.2 if each.log else 1e-6))
        assert each.plain(each.normalized(value)) == pytest.approx(value) if each.type is not str else True


@pytest.mark.parametrize("each", [each for each in NUMBERS if each.fader], ids=each_id)
def test_a_fader_stays_at_its_end_where_the_value_lies_beyond(each: Parameter[Any]) -> None:
    assert each.normalized(each.high) == 1.0
    assert each.normalized(-math.inf) == 0.0


def test_a_default_of_none_of_its_values_stands_for_none() -> None:
    unsaid = {each.name for each in TABLE if each.is_unsaid(each.default)}
    assert unsaid == {"seed", "chord_rhythm", "to", "source", "scheduler", "steps"}
    for name in unsaid:
        with pytest.raises(BadSetting):
            BY_NAME[name].check(BY_NAME[name].default)
        assert BY_NAME[name].check(BY_NAME[name].default, or_unsaid=True) == BY_NAME[name].default
    assert BY_NAME["scheduler"].stops == ("pack", "ddim", "dpm++", "unipc")


@pytest.mark.parametrize(
    ("name", "value", "message"),
    [
        ("guidance", 31, "guidance cannot be 31. It goes from 0 to 30."),
        ("temperature", 0, "temperature cannot be 0. It goes from above 0 to 10."),
        ("takes", math.nan, "takes is a number, not 'nan'. It goes from 1 to 16."),
        ("takes", True, "takes is a number, not 'True'. It goes from 1 to 16."),
        ("seed", 2**53 + 1, "seed cannot be 9.0072e+15. It goes from 0 to 9007199254740992."),
        ("scheduler", "euler", "scheduler cannot be 'euler'. It is ddim, dpm++ or unipc."),
        ("pooling_time", 3, "pooling_time cannot be 3. It is 1, 2, 4 or 8."),
        ("to", "  ", "to cannot be '  '. It is a text of up to 500 characters."),
        ("text", 3, "text cannot be '3'. It is a text of up to 500 characters."),
    ],
)
def test_what_is_no_value_is_refused_with_what_is(name: str, value: object, message: str) -> None:
    with pytest.raises(BadSetting) as refused:
        find(name).check(value)
    assert f"{refused.value} {refused.value.next_step}" == message


# ---- options -------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("text", "values"),
    [("4", (4, 4)), ("4,2", (4, 2)), ("4, 2", (4, 2)), ("8x1", (8, 1))],
)
def test_an_option_of_two_sets_both(text: str, values: tuple[int, int]) -> None:
    found = flags("transfer")["pooling"].check(text)
    assert (found["pooling_time"], found["pooling_frequency"]) == values


def test_an_option_of_many_sets_those_it_names() -> None:
    control = flags("inpaint")["control"]
    assert control.read("chord=1,drums=.5") == {"chord": 1.0, "drums": 0.5}
    assert control.read("chords=0, pianos=4") == {"chord": 0.0, "piano": 4.0}
    assert control.read(".5") == {"chord": 0.5, "drums": 0.5, "piano": 0.5}


@pytest.mark.parametrize("text", ["", "3", "1,2,4", "1,", "one", "time=2"])
def test_what_is_no_pooling_is_refused(text: str) -> None:
    with pytest.raises(BadSetting):
        flags("transfer")["pooling"].check(text)


@pytest.mark.parametrize("text", ["", "chord", "chord=", "chord=5", "bass=1", "chord=-1", "1,2", "chord=1,,drums=1"])
def test_what_are_no_weights_is_refused(text: str) -> None:
    with pytest.raises(BadSetting):
        flags("inpaint")["control"].check(text)


def test_options_that_parameters_share_say_what_they_are() -> None:
    shared = {name for engine in ENGINES for name, flag in flags(engine).items() if len(flag.parameters) > 1}
    assert shared == set(SHARED)


# ---- what holds them -----------------------------------------------------------------------------------------


def test_nothing_said_is_nothing_asked() -> None:
    assert build("inpaint", {}) == InpaintParams()
    assert msgspec.json.encode(build("inpaint", {})) == b'{"engine":"inpaint"}'
    assert build("transfer", {"to": "violin", "seed": -1, "steps": 0}) == TransferParams("violin")


def test_names_on_the_wire_are_those_that_older_takes_and_hosts_use() -> None:
    found = msgspec.json.decode(
        b'{"engine": "inpaint", "strikes": "compat", "sampling": {"temperature": null, "top_k": 9, "cfg": 2.5}}',
        type=InpaintParams,
    )
    assert found == InpaintParams(chord_rhythm="compat", sampling=Sampling(None, 9, 2.5))
