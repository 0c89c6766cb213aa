"""The script that counts the house, on a small one."""

from __future__ import annotations

from fakes.script import load

house = load("count_rooms")

SOURCES = {
    "p.__init__": "",
    "p.low": "import os.path\n",
    "p.wing.__init__": "",
    "p.wing.a": "from ..low import thing\nfrom . import b\n",
    "p.wing.b": "def late():\n    from .a import other\n    import torch.nn\n",
    "p.top": "from p import wing, low\nfrom .wing.a import thing\nif TYPE_CHECKING:\n    import numpy\n",
}


def test_imports_are_followed_to_modules_and_stay_names_elsewhere() -> None:
    assert house.graph(SOURCES) == {
        "p.__init__": set(),
        "p.low": {"os.path"},
        "p.wing.__init__": set(),
        "p.wing.a": {"p.low", "p.wing.b"},
        "p.wing.b": {"p.wing.a", "torch.nn"},
        "p.top": {"p.wing.__init__", "p.low", "p.wing.a", "numpy"},
    }


def test_what_is_imported_later_may_be_left_out() -> None:
    at_once = house.graph(SOURCES, deferred=False)
    assert (at_once["p.wing.b"], at_once["p.top"] & {"numpy"}) == (set(), set())


def test_rooms_arrows_floors_and_circles() -> None:
    package = house.Package("p", SOURCES)
    assert package.rooms == {"low": set(), "wing": {"low"}, "top": {"wing", "low"}}
    assert house.floors(package.rooms) == {"low": 1, "wing": 2, "top": 3}
    assert house.circles(package.modules) == [{"p.wing.a", "p.wing.b"}]
    assert house.circles(package.rooms) == []


def test_rooms_in_a_circle_share_a_floor() -> None:
    arrows = {"a": set(), "b": {"a", "c"}, "c": {"b"}, "d": {"c"}}
    assert house.floors(arrows) == {"a": 1, "b": 2, "c": 2, "d": 3}


def test_functions_are_as_long_as_they_are_written() -> None:
    assert sorted(house.function_lines("def a(\n    x,\n):\n    def b(): ...\n    return b\n")) == [1, 5]
