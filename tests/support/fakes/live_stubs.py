"""The Live API as its stubs have it, and a wrapper that lets a script do with a fake only what the stubs allow.

Real Live says AttributeError to what it has not; here that is also noted, so that a test can tell a deliberate
`hasattr` of something newer (in the stubs, but not in this Live) from a slip (nowhere in the stubs).
"""

from __future__ import annotations

import ast
import importlib.util
from collections.abc import Iterator
from dataclasses import dataclass, field
from functools import cache
from pathlib import Path
from typing import Any


@dataclass(frozen=True)
class Member:
    """`least` and `most` are a method's numbers of arguments; None for properties. `types` are their annotations."""

    settable: bool = False
    least: int | None = None
    most: int | None = None
    types: tuple[str, ...] = ()


@cache
def stubs() -> dict[str, dict[str, Member]]:
    """Members by class, `Clip.Clip` or `Song.Song.View`; a module's functions are those of class `MidiMap`."""
    found: dict[str, dict[str, Member]] = {}
    spec = importlib.util.find_spec("Live-stubs")
    assert spec is not None
    assert spec.submodule_search_locations
    for path in sorted(Path(next(iter(spec.submodule_search_locations))).glob("*.pyi")):
        tree = ast.parse(path.read_text(encoding="utf-8"))
        _read(tree, path.stem, found, method=False)
    return found


def _read(tree: ast.Module | ast.ClassDef, name: str, found: dict[str, dict[str, Member]], method: bool) -> None:
    members = found.setdefault(name, {})
    for node in tree.body:
        if isinstance(node, ast.ClassDef):
            _read(node, f"{name}.{node.name}", found, method=True)
        elif isinstance(node, ast.FunctionDef):
            decorators = [ast.unparse(decorator) for decorator in node.decorator_list]
            if any(decorator.endswith(".setter") for decorator in decorators):
                members[node.name] = Member(settable=True)
            elif "property" in decorators:
                members.setdefault(node.name, Member())
            else:
                args = [*node.args.posonlyargs, *node.args.args][method:]
                types = tuple(ast.unparse(arg.annotation) if arg.annotation else "object" for arg in args)
                members[node.name] = Member(False, len(args) - len(node.args.defaults), len(args), types)
        elif isinstance(node, ast.AnnAssign) and isinstance(node.target, ast.Name):
            members[node.target.id] = Member()


class Model:
    """Base of the fakes. `STUB` names the class of the stubs; `since` says which members only a newer Live has."""

    STUB = ""


@dataclass
class Watch:
    """What a script may see: `lacks` are members that this Live has not; `slips` is what no Live has; `gone` are the
    `id` of fakes that were deleted, while a script still holds them."""

    lacks: frozenset[str] = frozenset()
    slips: list[str] = field(default_factory=list)
    reads: int = 0
    gone: set[int] = field(default_factory=set)

    def wrap(self, value: Any) -> Any:
        if isinstance(value, Model):
            return Checked(self, value)
        return Vector(self, value) if isinstance(value, list) else value

    def slip(self, what: str) -> AttributeError:
        self.slips.append(what)
        return AttributeError(what)


class Checked:
    """A fake as a script sees it."""

    __slots__ = ("_model", "_watch")

    def __init__(self, watch: Watch, model: Model) -> None:
        object.__setattr__(self, "_watch", watch)
        object.__setattr__(self, "_model", model)

    def __eq__(self, other: object) -> bool:
        return isinstance(other, Checked) and self._model is other._model

    def __hash__(self) -> int:
        return id(self._model)

    def __getattr__(self, name: str) -> Any:
        watch, model = self._watch, self._model
        watch.reads += 1
        if id(model) in watch.gone:
            raise RuntimeError("this object does not exist any more")
        member = stubs()[model.STUB].get(name)
        if member is None:
            raise watch.slip(f"{model.STUB} has no {name}")
        if f"{model.STUB}.{name}" in watch.lacks:
            raise AttributeError(f"{model.STUB}.{name}")
        value = getattr(model, name)
        return watch.wrap(value) if member.least is None else Method(watch, f"{model.STUB}.{name}", member, value)

    def __setattr__(self, name: str, value: Any) -> None:
        if id(self._model) in self._watch.gone:
            raise RuntimeError("this object does not exist any more")
        member = stubs()[self._model.STUB].get(name)
        if member is None or not member.settable:
            raise self._watch.slip(f"{self._model.STUB}.{name} cannot be set")
        setattr(self._model, name, unwrap(value))


@dataclass
class Method:
    """A method or function of Live: positional arguments only, as many and such as the stubs say."""

    watch: Watch
    name: str
    member: Member
    call: Any

    def __call__(self, *args: Any) -> Any:
        least, most = self.member.least or 0, self.member.most or 0
        if not least <= len(args) <= most:
            raise self.watch.slip(f"{self.name} takes {least} to {most} arguments, not {len(args)}")
        for value, annotation in zip(args, self.member.types, strict=False):
            if not _is_a(value, annotation):
                raise self.watch.slip(f"{self.name} takes {annotation}, not {value!r}")
        return self.watch.wrap(self.call(*map(unwrap, args)))


class Vector:
    """A list as Live hands it out: read only."""

    def __init__(self, watch: Watch, values: list[Any]) -> None:
        self._watch, self._values = watch, values

    def __iter__(self) -> Iterator[Any]:
        return map(self._watch.wrap, list(self._values))

    def __getitem__(self, index: int) -> Any:
        return self._watch.wrap(self._values[index])

    def __len__(self) -> int:
        return len(self._values)


def unwrap(value: Any) -> Any:
    return value._model if isinstance(value, Checked) else value


def _is_a(value: Any, annotation: str) -> bool:
    """Whether a value is what one of the annotation's alternatives says; classes of Live by their name."""
    for kind in annotation.split(" | "):
        if kind == "None" and value is None:
            return True
        if kind == "float" and isinstance(value, int | float) and not isinstance(value, bool):
            return True
        if kind in ("int", "str", "bool") and type(value).__name__ == kind:
            return True
        if isinstance(value, Checked) and value._model.STUB.rpartition(".")[2] == kind:
            return True
    return False
