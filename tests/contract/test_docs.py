"""The documentation is true where a program can tell: generated parts, links, names of files, modules and options."""

import re
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest
from punchin_bridge.surfaces.midi.mapping import parse
from punchin_wire.osc.table import TABLE

ROOT = Path(__file__).parents[2]
README = ROOT / "README.md"
PAGES = sorted([*ROOT.glob("*.md"), *(ROOT / "docs").glob("*.md"), *ROOT.glob("[!.]*/README.md")])
SOURCES = [
    path
    for room in ("bridge", "server", "plugin_host", "scripts", "tests")
    for path in (ROOT / room).rglob("*")
    if path.suffix in {".py", ".lua", ".cjs"}
]
NOT_OURS = {"Scripts/__startup.lua", "eval/report.md"}
"""Files of others, or that programs write."""
RAY = {"--address", "--head", "--num-cpus", "--port", "--temp-dir"}
"""Options of `ray start`."""
TRAINING = {"--accumulate", "--keep-steps"}
"""Options of train_adapter.py that are made from a struct."""

FENCE = re.compile(r"(?ms)^```.*?^```$")
CODE = re.compile(r"`([^`\n]+)`")
LINK = re.compile(r"\]\(([^)\s]+)\)")
HEADING = re.compile(r"(?m)^#+ (.+)$")
FLAG = re.compile(r"(?<![\w-])--[a-z][a-z-]+")

pages = pytest.mark.parametrize("page", PAGES, ids=lambda page: str(page.relative_to(ROOT)))


def prose(page: Path) -> str:
    """A page without its blocks of code."""
    return FENCE.sub("", page.read_text("utf-8"))


def links(page: Path) -> Iterator[tuple[Path, str]]:
    """File and heading of every link to our own pages and files."""
    for target in LINK.findall(prose(page)):
        if "://" not in target:
            name, _, heading = target.partition("#")
            yield (page.parent / name).resolve() if name else page, heading


def anchors(page: Path) -> set[str]:
    """What GitHub calls the headings of a page."""
    return {re.sub(r"[^\w -]", "", heading.lower()).replace(" ", "-") for heading in HEADING.findall(prose(page))}


def test_generated_parts_are_as_the_tables_are() -> None:
    command = [sys.executable, ROOT / "scripts" / "update_docs.py", "--check"]
    done = subprocess.run(command, capture_output=True, text=True, timeout=60)
    assert done.returncode == 0, done.stdout + done.stderr


def test_every_osc_address_and_option_is_documented() -> None:
    text = (ROOT / "docs" / "osc.md").read_text("utf-8")
    names = {address.path for address in TABLE} | {option.name for address in TABLE for option in address.options}
    assert [name for name in sorted(names) if f"| `{name}` |" not in text] == []


def test_the_example_of_a_mapping_is_one() -> None:
    text = (ROOT / "docs" / "surfaces.md").read_text("utf-8")
    mapping = parse(text.partition("```toml\n")[2].partition("```")[0].encode())
    assert [entry.action or entry.control for entry in mapping.entries] == ["punch", "alpha"]


@pages
def test_links_lead_somewhere(page: Path) -> None:
    dead = [
        f"{file.name}#{heading}"
        for file, heading in links(page)
        if not file.exists() or (heading and heading not in anchors(file))
    ]
    assert not dead, "\n".join(dead)


def test_every_page_is_two_clicks_from_the_readme() -> None:
    near = {README, *(file for file, _ in links(README))}
    near |= {file for page in near & set(PAGES) for file, _ in links(page)}
    assert set(PAGES) - near == set()


@pages
def test_files_that_are_named_are_there(page: Path) -> None:
    """A file may be named by the end of its path."""
    ends = {path.relative_to(ROOT).as_posix() for path in [*SOURCES, *PAGES]}
    missing = [
        code
        for code in CODE.findall(prose(page))
        if re.fullmatch(r"[\w./-]+\.(py|lua|cjs|md)", code)
        and code not in NOT_OURS
        and not any(f"/{end}".endswith(f"/{code.removeprefix('../')}") for end in ends)
    ]
    assert not missing, "\n".join(missing)


@pages
def test_folders_and_modules_that_are_named_are_there(page: Path) -> None:
    missing = []
    for code in CODE.findall(prose(page)):
        if re.fullmatch(r"(bridge|server|plugin_host|scripts|tests|docs)/[\w/-]+", code):
            missing += [code] if not (ROOT / code).exists() else []
        elif re.fullmatch(r"punchin_\w+(\.\w+)*", code):
            missing += [code] if not is_ours(code) else []
    assert not missing, "\n".join(missing)


def test_what_docstrings_refer_to_is_there() -> None:
    missing = []
    for path in SOURCES:
        if path.is_relative_to(ROOT / "bridge") or path.is_relative_to(ROOT / "server"):
            text = path.read_text("utf-8")
            for name in re.findall(r":(?:mod|class|func|meth|data):`~?([\w.]+)`", text):
                if name.startswith("."):
                    dots = len(name) - len(name.lstrip("."))
                    found = holds(path.parents[dots - 1], name.lstrip("."))
                else:
                    found = is_ours(name) or re.search(rf"(?<!`)\b{name.split('.')[0]}\b", text) is not None
                missing += [] if found else [f"{path.relative_to(ROOT)}: {name}"]
    assert not missing, "\n".join(missing)


def is_ours(name: str) -> bool:
    return any(holds(ROOT / side, name) for side in ("bridge", "server"))


def holds(folder: Path, name: str) -> bool:
    """Whether a folder holds the module, or the module that has the last word or two in its text."""
    words = name.split(".")
    for number in range(len(words), 0, -1):
        inside = folder.joinpath(*words[:number])
        if number == len(words) and inside.is_dir():
            return True
        for module in (inside.with_suffix(".py"), inside / "__init__.py"):
            if module.exists():
                return number == len(words) or words[number] in module.read_text("utf-8")
    return False


@pages
def test_options_that_are_named_exist(page: Path) -> None:
    if page.name == "CHANGELOG.md":
        return  # it tells of what was, too
    text = page.read_text("utf-8")
    shown = [*FENCE.findall(text), *CODE.findall(prose(page))]
    known = set(FLAG.findall((ROOT / "docs" / "cli.md").read_text("utf-8"))) | {"--help", "--version"}
    for script in (ROOT / "scripts").glob("*.py"):
        known |= set(re.findall(r'"(--[a-z-]+)"', script.read_text("utf-8")))
    assert [flag for code in shown for flag in FLAG.findall(code) if flag not in known | RAY | TRAINING] == []


def test_pages_that_the_code_names_are_there() -> None:
    named = {(name, path.name) for path in SOURCES for name in re.findall(r"\bdocs/\w+\.md\b", path.read_text("utf-8"))}
    assert {one for one in named if not (ROOT / one[0]).exists()} == set()
