"""What scripts show in the fake REAPER, and a hand that clicks there: REAPER's own `gfx`, or ReaImGui.

Both are as strict as the programs: `gfx` draws only between `init` and `quit`; every call of ReaImGui is held to the
signatures of its reference (0.9.3), and what was begun must be ended within the tick.
"""

# ruff: noqa: N802  (methods are called as in ReaImGui)

from __future__ import annotations

from collections.abc import Callable
from typing import Any

IMGUI = {
    "CreateContext": "label: str, flags: int = 0",
    "SetNextWindowSize": "context, width: float, height: float, condition: int = 0",
    "Begin": "context, name: str, open: bool = None, flags: int = 0",
    "End": "context",
    "PushID": "context, name: str",
    "PopID": "context",
    "Separator": "context",
    "SameLine": "context, offset: float = 0.0, spacing: float = -1.0",
    "TextWrapped": "context, text: str",
    "ProgressBar": "context, fraction: float, width: float = 0.0, height: float = 0.0, overlay: str = None",
    "Button": "context, label: str, width: float = 0.0, height: float = 0.0",
    "InputText": "context, label: str, text: str, flags: int = 0",
    "SliderInt": "context, label: str, value: int, least: int, most: int, format: str = None, flags: int = 0",
    "Combo": "context, label: str, current: int, items: str, most: int = -1",
}
KINDS = {"str": (str,), "int": (int,), "float": (int, float), "bool": (bool,)}


class Gfx:
    """A window of `gfx`; `picture` is what it shows, as (x, y, text), `widest` the right edge of all texts so far.
    It takes the keyboard when it opens and when it is clicked; `key` is what is pressed while it has it."""

    def __init__(self, lua: Any) -> None:
        self.is_open = self.closing = False
        self.picture: list[tuple[float, float, str]] = []
        self._draft: list[tuple[float, float, str]] = []
        self._mouse = (0, 0, 0)
        self.widest = self.width = self.height = self.key = 0
        self.has_keyboard = False
        self.place = (0, 0, 0)
        self.table = lua.table_from({"mouse_cap": 0, "mouse_x": 0, "mouse_y": 0, "x": 0, "y": 0, "texth": 17})
        for name in ("init", "quit", "update", "set", "rect", "drawstr", "getchar", "setfont", "measurestr", "dock"):
            self.table[name] = getattr(self, name)

    def init(self, name: str, width: int, height: int, *place: int) -> int:
        assert name or self.is_open
        assert width > 0
        assert height > 0
        assert len(place) <= 3
        assert not (self.is_open and self.place[0]), "a docked window has the docker's size"
        if not self.is_open:
            self.place = (*place, 0, 0, 0)[:3]
        self.is_open, self.closing, self.has_keyboard = True, False, True
        self.width, self.height = width, height
        return 1

    def quit(self) -> None:
        self.is_open, self.picture, self.has_keyboard = False, [], False

    def getchar(self) -> int:
        key, self.key = self.key if self.has_keyboard else 0, 0
        return -1 if self.closing or not self.is_open else key

    def setfont(self, index: int, _name: str, size: int) -> None:
        assert self.is_open
        assert index > 0
        assert size > 0

    def measurestr(self, text: str) -> tuple[float, float]:
        """Capitals and `m` are wide."""
        assert self.is_open, "there is no font yet"
        return float(sum(12 if letter.isupper() or letter in "mw%" else 7 for letter in text)), 17.0

    def dock(self, value: int, *_more: int) -> tuple[int, int, int]:
        assert self.is_open
        assert value == -1, "only asked"
        return self.place

    def set(self, red: float, green: float, blue: float) -> None:
        assert all(0 <= part <= 1 for part in (red, green, blue))

    def rect(self, _x: float, _y: float, width: float, height: float, _filled: int) -> None:
        assert self.is_open
        assert width >= 0
        assert height >= 0

    def drawstr(self, text: str) -> None:
        assert self.is_open
        self._draft.append((self.table.x, self.table.y, text))
        self.widest = max(self.widest, int(self.table.x + self.measurestr(text)[0]))

    def update(self) -> None:
        self.picture, self._draft = self._draft, []

    @property
    def texts(self) -> list[str]:
        return [text for _, _, text in self.picture]

    def press(self, caption: str) -> None:
        x, y, _ = next(place for place in self.picture if place[2] == caption)
        self._mouse, self.has_keyboard = (1, int(x), int(y)), True

    def before_tick(self) -> None:
        self.table.mouse_cap, self.table.mouse_x, self.table.mouse_y = self._mouse
        self._mouse = (0, 0, 0)

    def after_tick(self) -> None:
        if self.closing:
            self.quit()


class Imgui:
    """ReaImGui: what it showed in the last tick, and what the hand does in the next one."""

    def __init__(self, lua: Any) -> None:
        self.texts: list[str] = []
        self.closing = False
        self.typed: dict[str, Any] = {}
        self._pressed, self._row, self._of = "", "", ""
        self._drawing: list[str] = []
        self._windows = self._ids = 0
        self._context = object()
        self.table = lua.table_from(
            {"WindowFlags_NoFocusOnAppearing": 1 << 12} | {name: self._strict(name, lua) for name in IMGUI}
        )

    def _strict(self, name: str, _lua: Any) -> Callable[..., Any]:
        params = [part.strip() for part in IMGUI[name].split(",")]

        def call(*args: Any) -> Any:
            assert len(args) <= len(params), f"ImGui.{name} takes {params}"
            for index, param in enumerate(params):
                kind, _, default = param.partition(":")[2].partition("=")
                if index >= len(args):
                    assert default, f"ImGui.{name} lacks {param}"
                elif not kind:
                    assert args[index] is self._context, f"ImGui.{name} without the context"
                elif not (args[index] is None and default):
                    value = args[index]
                    assert isinstance(value, KINDS[kind.strip()]), f"ImGui.{name}: {value!r} for {param}"
                    assert not (isinstance(value, bool) and kind.strip() != "bool"), f"ImGui.{name}: {value!r}"
            return getattr(self, name)(*args)

        return call

    def CreateContext(self, _label: str) -> object:
        return self._context

    def SetNextWindowSize(self, *_args: Any) -> None: ...

    def Begin(self, _context: object, name: str, _open: bool, _flags: int) -> tuple[bool, bool]:
        self._windows += 1
        self._drawing.append(name)
        return True, not self.closing

    def End(self, _context: object) -> None:
        self._windows -= 1

    def PushID(self, _context: object, name: str) -> None:
        self._ids += 1
        self._row = name

    def PopID(self, *_args: Any) -> None:
        self._ids -= 1

    def Separator(self, *_args: Any) -> None: ...

    def SameLine(self, *_args: Any) -> None: ...

    def TextWrapped(self, _context: object, text: str) -> None:
        assert self._windows == 1
        self._drawing.append(text)

    def ProgressBar(self, _context: object, fraction: float, *_more: Any) -> None:
        assert 0 <= fraction <= 1

    def Button(self, _context: object, label: str) -> bool:
        self._drawing.append(label)
        return label == self._pressed and self._of in ("", self._row)

    def InputText(self, _context: object, label: str, text: str) -> tuple[bool, str]:
        return label in self.typed, self.typed.pop(label, text)

    def SliderInt(self, _context: object, label: str, value: int, least: int, most: int) -> tuple[bool, int]:
        assert least <= value <= most
        return label in self.typed, self.typed.pop(label, value)

    def Combo(self, _context: object, label: str, current: int, items: str) -> tuple[bool, int]:
        choices = items.rstrip("\0").split("\0")
        assert items.endswith("\0")
        assert 0 <= current < len(choices)
        return label in self.typed, choices.index(self.typed.pop(label, choices[current]))

    def press(self, caption: str, of: str = "") -> None:
        """Click a button; that of row `of` where several are called so."""
        assert caption in self.texts
        self._pressed, self._of = caption, of

    def before_tick(self) -> None:
        self._drawing = []

    def after_tick(self) -> None:
        assert self._windows == 0, "a window was begun and not ended"
        assert self._ids == 0
        self.texts, self._pressed, self.closing = self._drawing, "", False
