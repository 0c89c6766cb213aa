"""What the script may use of Live: mypy against the stubs, the fakes against the stubs, the Python that Live embeds."""

import ast
import inspect
import os
import re
import shutil
import subprocess
import sys
from pathlib import Path

import pytest
from fakes.live import NEWER, ControlSurface
from fakes.live_models import MODELS, OURS
from fakes.live_stubs import stubs
from Punchin.settings import DEFAULTS

ROOT = Path(__file__).parents[3]
PACKAGE = ROOT / "plugin_host" / "ableton" / "Punchin"
FRAMEWORK = ROOT / "tests" / "support" / "fakes" / "framework_stubs"
SOURCES = sorted(PACKAGE.glob("*.py"))


def mypy(*arguments: str) -> subprocess.CompletedProcess[str]:
    paths = os.pathsep.join([str(PACKAGE.parent), str(FRAMEWORK)])
    command = [sys.executable, "-m", "mypy", "--config-file", os.devnull, "--strict", "--warn-unreachable"]
    return subprocess.run(
        [*command, "--python-version", "3.11", *arguments],
        env=os.environ | {"MYPYPATH": paths},
        cwd=ROOT,
        capture_output=True,
        text=True,
        timeout=200,
    )


def test_the_package_holds_against_the_stubs_of_live() -> None:
    done = mypy("-p", "Punchin")
    assert done.returncode == 0, done.stdout


def test_mypy_would_see_what_live_has_not(tmp_path: Path) -> None:
    wrong = tmp_path / "wrong.py"
    wrong.write_text(
        "from Live.Song import Song\n"
        "def wrong(song: Song) -> None:\n"
        "    song.view.selected_track.create_audio_clip(1.0, 2.0)\n"
        "    song.view.selected_track.import_audio('x')\n"
    )
    done = mypy(str(wrong))
    assert "arg-type" in done.stdout
    assert "attr-defined" in done.stdout


@pytest.mark.parametrize("path", SOURCES, ids=lambda path: path.name)
def test_it_is_the_python_of_live_11(path: Path) -> None:
    ast.parse(path.read_text(encoding="utf-8"), feature_version=(3, 7))


def test_a_python_3_7_runs_it_where_there_is_one(tmp_path: Path) -> None:
    """Syntax alone does not show what a library lacks: the parts without Live are imported and used."""
    known = [*Path.home().glob(".pyenv/versions/3.7.*/bin/python"), *filter(None, [shutil.which("python3.7")])]
    # A shim of pyenv's may lie there for a version that is not switched on.
    found = [
        python
        for python in known
        if not subprocess.run([python, "--version"], capture_output=True, timeout=60).returncode
    ]
    code = (
        "from Punchin import osc, settings, selection, clips, submit, guard, place, link, outbox, jobs, placing\n"
        "from Punchin import commands, status, watch, host\n"
        "a = link.Link('ableton-1', print, {folder!r})\n"
        "b = link.Link('ableton-2', print, {folder!r})\n"
        "a._bridge_port = b.port\n"
        "a.post('hello', 0.0); a._post_file('x' * 9000)\n"
        "import time; time.sleep(0.1)\n"
        "print(osc.decode(b._socket.recv(9999)), settings.triggers(settings.load())['note', 36])\n"
    )
    (tmp_path / "installed.json").write_text(f'{{"spool": "{tmp_path}", "record": "", "command": ["true"]}}')
    if not found:
        pytest.skip("no Python 3.7 here")
    done = subprocess.run(
        [str(found[0]), "-W", "error", "-c", code.format(folder=str(tmp_path))],
        env={"PYTHONPATH": str(PACKAGE.parent), "PYTHONDONTWRITEBYTECODE": "1"},
        capture_output=True,
        text=True,
        timeout=60,
    )
    assert done.stdout == "[('/punchin/host/post', ('hello',))] inpaint\n", done.stderr
    assert (tmp_path / "inbox" / "ableton-1-00000001.json").read_text() == "x" * 9000


def test_it_needs_nothing_but_the_standard_library() -> None:
    allowed = {"__future__", "hashlib", "json", "math", "os", "socket", "struct", "subprocess", "time", "traceback"}
    allowed |= {"typing", "Live", "_Framework", ""}
    for path in SOURCES:
        for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
            names = [alias.name for alias in node.names] if isinstance(node, ast.Import) else []
            if isinstance(node, ast.ImportFrom):
                names = [node.module or ""] if node.level == 0 else []
            assert {name.split(".")[0] for name in names} <= allowed, path.name


@pytest.mark.parametrize("model", MODELS, ids=lambda model: model.__name__)
def test_all_that_a_fake_offers_is_in_the_stubs(model: type) -> None:
    members = stubs()[model.STUB]  # type: ignore[attr-defined]
    names = {*getattr(model, "__dataclass_fields__", {}), *vars(model)}
    offered = {name for name in names if not name.startswith("_") and not name.endswith("_") and name != "STUB"}
    for name in offered - OURS.get(model, set()):
        assert name in members, name
        there, here = members[name], inspect.getattr_static(model, name, None)
        if inspect.isfunction(here):
            required = list(inspect.signature(here).parameters.values())[1:]
            assert there.most == len(required), name
            assert there.least == sum(p.default is p.empty for p in required), name
        else:
            assert there.least is None, f"{name} is a method in Live"
            if isinstance(here, property) and here.fset is not None:
                assert there.settable, name


def test_what_older_lives_lack_is_in_the_stubs() -> None:
    for lacking in NEWER.values():
        for name in lacking:
            where, _, member = name.rpartition(".")
            assert member in stubs()[where], name


def test_the_framework_that_is_faked_is_the_framework_that_is_declared() -> None:
    tree = ast.parse((FRAMEWORK / "_Framework" / "ControlSurface.pyi").read_text())
    [declared] = [n for n in tree.body if isinstance(n, ast.ClassDef) and n.name == "ControlSurface"]
    methods = {n.name: n for n in declared.body if isinstance(n, ast.FunctionDef)}
    offered = {name: value for name, value in vars(ControlSurface).items() if inspect.isfunction(value)}
    assert set(offered) == set(methods)
    for name, value in offered.items():
        arguments = [*methods[name].args.args, *filter(None, [methods[name].args.vararg])]
        assert list(inspect.signature(value).parameters) == [argument.arg for argument in arguments]


def test_the_manual_shows_the_defaults() -> None:
    text = (ROOT / "docs" / "ableton.md").read_text(encoding="utf-8")
    rows = re.findall(r"^\| (`[a-z_`, ]+`) \| ([0-9, ]+).*? \| ([0-9, ]+) \|", text, re.MULTILINE)
    notes, controls = {}, {}
    for actions, note, control in rows:
        names = re.findall(r"[a-z_]+", actions)
        notes |= dict(zip(re.findall(r"\d+", note), names, strict=True))
        controls |= dict(zip(re.findall(r"\d+", control), names, strict=True))
    assert (notes, controls) == (DEFAULTS["notes"], DEFAULTS["controls"])
    for name in DEFAULTS:
        assert f"`{name}`" in text, name
