"""The OSC table: each address once, arguments checked."""

import doctest

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from punchin_wire.errors import PunchinError
from punchin_wire.osc import table
from punchin_wire.osc.table import TABLE, check, typed

SUBMIT = ["job-1", "/song.wav", 1, 2.5, "/out"]
TRANSFER = [*SUBMIT[:4], "violin", "/out"]


def test_each_address_stands_once_and_follows_the_grammar() -> None:
    assert len({(address.at, address.direction, address.path) for address in TABLE}) == len(TABLE)
    for address in TABLE:
        parts = address.path.split("/")
        assert parts[:2] == ["", "punchin"]
        assert len(parts) in (3, 4)
        if "/job/" in address.path:
            assert address.args[0].name == "job"
        assert address.doc.endswith(".")


def test_no_address_of_surfaces_lies_in_another() -> None:
    """OSCQuery's clients take a node for a method or a container, never both."""
    paths = {address.path for address in TABLE if address.at == "surfaces"}
    assert not [path for path in paths if path.rpartition("/")[0] in paths]


def test_the_examples_in_the_docstring_hold() -> None:
    assert doctest.testmod(table).failed == 0


def test_arguments_become_their_types() -> None:
    assert check("/punchin/job/transfer", [*TRANSFER, "pooling", "2,4"])[-2:] == ("pooling", "2,4")
    args = check("/punchin/job/submit", [*SUBMIT, "takes", 3, "seed", 2**40, "text", "bright"])
    assert args == ("job-1", "/song.wav", 1.0, 2.5, "/out", "takes", 3, "seed", 2**40, "text", "bright")
    assert isinstance(args[2], float)


@pytest.mark.parametrize(
    ("path", "args", "code"),
    [
        ("/punchin/nothing", [], "bad_message"),
        ("/punchin/job/cancel", [], "bad_setting"),
        ("/punchin/job/cancel", ["job-1", "more"], "bad_setting"),
        ("/punchin/job/cancel", [5], "bad_setting"),
        ("/punchin/job/cancel", ["../../x"], "bad_setting"),
        ("/punchin/job/cancel", ["job-1\n"], "bad_setting"),
        ("/punchin/job/submit", SUBMIT[:4], "bad_setting"),
        ("/punchin/job/submit", [*SUBMIT[:2], float("nan"), 2.0, "/out"], "bad_setting"),
        ("/punchin/job/submit", [*SUBMIT[:2], True, 2.0, "/out"], "bad_setting"),
        ("/punchin/job/submit", [*SUBMIT, "takes"], "bad_setting"),
        ("/punchin/job/submit", [*SUBMIT, "takes", 17], "bad_setting"),
        ("/punchin/job/submit", [*SUBMIT, "takes", 1, "takes", 2], "bad_setting"),
        ("/punchin/job/submit", [*SUBMIT, "out", "/elsewhere"], "bad_setting"),
        ("/punchin/job/transfer", SUBMIT, "bad_setting"),
        ("/punchin/job/transfer", [*TRANSFER, "pooling", "3"], "bad_setting"),
        ("/punchin/job/transfer", [*TRANSFER, "scheduler", "magic"], "bad_setting"),
        ("/punchin/job/transfer", [*TRANSFER, "text", "bright"], "bad_setting"),
        ("/punchin/events/subscribe", [1e9], "bad_setting"),
        ("/punchin/events/subscribe", [None], "bad_setting"),
    ],
)
def test_what_does_not_fit_the_table_is_refused(path: str, args: list[object], code: str) -> None:
    with pytest.raises(PunchinError) as caught:
        check(path, args)
    assert caught.value.code == code
    assert caught.value.next_step.endswith(".")


def test_numbers_travel_as_plain_integers_where_they_fit() -> None:
    """Some programs know no others."""
    for seed, tag in ((7, "i"), (2**31 - 1, "i"), (2**31, "h"), (2**53, "h")):
        assert typed("/punchin/job/take", ["job-1", 0, seed], "from", "daemon")[2] == (tag, seed)
    assert typed("/punchin/control/seed", [-1], "from", "surfaces") == [("i", -1)]
    assert typed("/punchin/control/alpha", [1.0], "from", "surfaces") == [("f", 1.0)]


def test_an_answer_cannot_be_asked_for() -> None:
    assert check("/punchin/pong", ["1.0"]) == ("1.0",)
    with pytest.raises(PunchinError):
        check("/punchin/pong", ["1.0"], "to")


VALUES = st.one_of(
    st.text(max_size=40),
    st.integers(),
    st.floats(),
    st.none(),
    st.booleans(),
    st.binary(max_size=8),
    st.lists(st.integers()),
)


@settings(max_examples=60, deadline=None)
@given(st.sampled_from(sorted({address.path for address in TABLE})), st.lists(VALUES, max_size=9))
def test_any_arguments_are_checked_or_refused(path: str, args: list[object]) -> None:
    try:
        checked = check(path, args)
    except PunchinError:
        return
    assert len(checked) == len(args)
    assert all(isinstance(value, str | int | float) for value in checked)
