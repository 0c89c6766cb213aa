"""What the fake REAPER holds scripts to: the published signatures of 7.08; and Lua that stands in for built-ins."""

from __future__ import annotations

import json
import math
import re
from functools import cache
from pathlib import Path
from typing import Any

import lupa.lua54

from fakes.reaper_project import Item, Project, Source, Take, Track

SIGNATURES: dict[str, str] = json.loads(Path(__file__).with_name("reascript_api.json").read_text())["lua_7_08"]
KINDS: dict[str, tuple[type, ...]] = {
    "number": (int, float),
    "integer": (int,),
    "boolean": (bool,),
    "string": (str,),
    "MediaTrack": (Track,),
    "MediaItem": (Item,),
    "MediaItem_Take": (Take,),
    "PCM_source": (Source,),
    "AudioAccessor": (Track,),
}
NEW_ARRAY = """
function (size)
  local array = {}
  for i = 1, size do array[i] = 0.0 end
  array.clear = function () for i = 1, size do array[i] = 0.0 end end
  array.table = function () return table.move (array, 1, size, 1, {}) end
  return array
end
"""
FILL = """
function (array, data, count)
  local at = 1
  for i = 1, count, 64 do
    local size = math.min (64, count - i + 1)
    local values = { string.unpack ("<" .. ("d"):rep (size), data, at) }
    table.move (values, 1, size, i, array)
    at = values[size + 1]
  end
end
"""
WRAP = """
function (find, builtin)
  return setmetatable ({}, { __index = function (_, name) return builtin[name] or find (name) end })
end
"""


class Envelope:
    """A track's envelope; scripts only hand it on."""


class ApiError(AssertionError):
    """A script used the API as REAPER does not have it."""


@cache
def signature(text: str) -> tuple[list[tuple[str, str]], list[str]]:
    """Parameters as (type, name), and results, of `number a, number b = reaper.Name(ReaProject proj)`."""
    match = re.fullmatch(r"(?:(?P<many>.*?) = |(?P<one>\S+) )?reaper\.\w+\((?P<params>.*)\)", text)
    assert match is not None, text
    params = [part.strip().rpartition(" ")[::2] for part in match["params"].split(",") if part.strip()]
    results = [part.strip() for part in (match["many"] or match["one"] or "").split(",") if part.strip()]
    return [(kind, name) for kind, name in params], results


def fits(value: Any, kind: str) -> bool:
    """Whether a value may be given where the signature says `kind`."""
    if kind == "ReaProject":
        return value == 0 or isinstance(value, Project)
    if kind == "TrackEnvelope":
        return value is None or isinstance(value, Envelope)
    if kind == "identifier":
        return isinstance(value, (Track, Item, Take, Source))
    if kind == "reaper.array":
        return lupa.lua54.lua_type(value) == "table"
    if isinstance(value, bool) and kind != "boolean":
        return False
    if isinstance(value, float) and not math.isfinite(value):
        return False
    return isinstance(value, KINDS[kind])
