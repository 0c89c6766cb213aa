"""What msgspec finds wrong is said in words that name the value and no types of ours."""

from typing import Annotated, Literal

import msgspec
import pytest
from msgspec import Meta
from punchin_wire.structs import in_words


class _Inner(msgspec.Struct, forbid_unknown_fields=True):
    heat: Annotated[float, Meta(gt=0)] = 1.0
    count: Annotated[int, Meta(le=16)] = 1
    name: Annotated[str, Meta(pattern="^[a-z]+$")] = "a"
    kind: Literal["mild", "hot"] = "mild"
    few: Annotated[list[int], Meta(max_length=2)] = []
    weights: dict[Literal["high"], int] = {}


class _Outer(msgspec.Struct):
    inner: _Inner


@pytest.mark.parametrize(
    ("value", "words"),
    [
        ({"inner": {"heat": 0}}, "inner.heat must be above 0"),
        ({"inner": {"count": 17}}, "inner.count must be at most 16"),
        ({"inner": {"count": "many"}}, "inner.count must be a whole number, not text"),
        ({"inner": {"heat": None}}, "inner.heat must be a number, not nothing"),
        ({"inner": {"name": "A1"}}, "inner.name is not written as it must be"),
        ({"inner": {"kind": "cold"}}, "inner.kind cannot be 'cold'"),
        ({"inner": {"few": [1, 2, 3]}}, "inner.few is too long"),
        ({"inner": {"few": [1, "two"]}}, "inner.few 2 must be a whole number, not text"),
        ({"inner": {"weights": {"low": 1}}}, "a name in inner.weights cannot be 'low'"),
        ({"inner": {"more": 1}}, "more is not known"),
        ({}, "inner is missing"),
        (3, "it must be a group of values, not a whole number"),
    ],
)
def test_in_words(value: object, words: str) -> None:
    with pytest.raises(msgspec.ValidationError) as raised:
        msgspec.convert(value, _Outer)
    assert in_words(raised.value) == words
