"""What commands are told of parameters, in which words, and what they answer to what cannot be."""

from __future__ import annotations

from collections.abc import Iterator

import pytest
import typer
from punchin_bridge.cli import host, main, options
from punchin_bridge.cli.main import app
from punchin_wire.errors import BadSetting
from punchin_wire.params import ENGINES, InpaintParams, Sampling, TransferParams, flags
from typer.testing import CliRunner

UNSET = host.UNSET


def commands(of: typer.Typer = app, before: tuple[str, ...] = ()) -> Iterator[tuple[str, ...]]:
    """Every command that the bridge reads itself."""
    for command in of.registered_commands:
        if command.add_help_option:
            assert command.callback
            yield (*before, command.name or command.callback.__name__)
    for group in of.registered_groups:
        assert group.typer_instance
        yield from commands(group.typer_instance, (*before, str(group.name)))


def shown(words: tuple[str, ...]) -> str:
    done = CliRunner().invoke(app, [*words, "--help"], env={"COLUMNS": "400"})
    assert done.exit_code == 0, done.output
    return " ".join(done.output.split())


@pytest.mark.parametrize("words", list(commands()), ids=" ".join)
def test_no_help_names_our_types(words: tuple[str, ...]) -> None:
    for ours in ("protocol.", "documents.", "Params", "msgspec", "--folder <list[", "--take <list["):
        assert ours not in shown(words)


BY_EAR = ("chords", "piano")


@pytest.mark.parametrize("command", [("inpaint",), ("transfer",), ("host", "do")], ids=" ".join)
def test_every_option_says_its_range_and_default(command: tuple[str, ...]) -> None:
    text = shown(command)
    for engine in ENGINES if command == ("host", "do") else command:
        for flag in flags(engine).values():  # type: ignore[arg-type]
            first = flag.parameters[0]
            assert f"--{flag.name} " in text
            if command == ("inpaint",) and flag.name in BY_EAR:
                assert f"--{flag.name} FILE|auto" in text  # an option of its own, which brings files, too
                continue
            assert flag.text in text
            if first.type is not str:
                assert first.range.lower() in text.lower()
            if first.unsaid:
                assert f"[default: {first.unsaid}]" in text


def test_what_was_said_becomes_parameters() -> None:
    given: options.Given = {"takes": 2, "guidance": 4.0, "control": "drums=.5", "chord-rhythm": "compat"}
    assert options.inpaint_params(given, None) == InpaintParams(
        2, weights={"drums": 0.5}, chord_rhythm="compat", sampling=Sampling(guidance=4.0)
    )
    assert options.inpaint_params({}, ["chord", "free"]) == InpaintParams(specs=("chord", "free"))
    given = {"to": "violin", "from": "piano", "guidance": 4.0, "pooling": "4,2"}
    assert options.transfer_params(given) == TransferParams("violin", source="piano", guidance=4.0, pooling=(4, 2))


@pytest.mark.parametrize(
    ("given", "take"),
    [({"takes": 2}, ["free"]), ({"to": "violin"}, None), ({"guidance": 31.0}, None), ({"control": "bass=1"}, None)],
)
def test_what_an_inpaint_cannot_be_told(given: options.Given, take: list[str] | None) -> None:
    with pytest.raises(BadSetting):
        options.inpaint_params(given, take)


def test_a_host_is_told_how_takes_are_made_or_nothing() -> None:
    assert host._params("inpaint", {}, None) is UNSET
    assert host._params("transfer", {}, None) is UNSET
    assert host._params("pick", {}, ["2"]) is UNSET
    assert host._params("inpaint", {"takes": 3}, None) == InpaintParams(3)
    assert host._params("inpaint", {}, ["chord"]) == InpaintParams(specs=("chord",))
    assert host._params("transfer", {"to": "flute"}, None) == TransferParams("flute")
    for action, given in (("pick", {"takes": 3}), ("transfer", {"takes": 3}), ("inpaint", {"to": "flute"})):
        with pytest.raises(BadSetting):
            host._params(action, given, None)


@pytest.mark.parametrize(
    ("words", "said"),
    [
        ("inpaint s.wav --start x", "Invalid value for '--start': it is no number. See `punchin inpaint --help`."),
        ("inpaint s.wav --start 1 --end 2 --guidance 99", "guidance cannot be 99. It goes from 0 to 30."),
        ("transfer s.wav --to violin --takes 1.5", "Invalid value for '--takes': it is no whole number. See "),
        (
            "transfer s.wav --task x",
            "Invalid value for '--task': 'x' is not one of 'timbre', 'genre', 'accompaniment'.",
        ),
        ("inpaint . --start 1 --end 2", ". is a folder. Check the path"),
    ],
)
def test_wrong_words_are_told_in_ours(words: str, said: str, capsys: pytest.CaptureFixture[str]) -> None:
    assert main.main(words.split()) == 2
    assert capsys.readouterr().err.startswith(f"punchin: {said}")


def test_an_error_about_a_value_names_the_page_of_its_command() -> None:
    for words, page in ((["inpaint", "s.wav"], "inpaint"), (["host", "do", "reaper"], "host do")):
        error = main._with_page(BadSetting("It is wrong."), words)
        assert error.next_step == f"See `punchin {page} --help` for the values that are allowed."
    assert main._with_page(BadSetting("It is wrong.", "Mend it."), ["host"]).next_step == "Mend it."


def test_the_take_that_is_meant_counts_from_one() -> None:
    assert host._number("pick", ["2"]) == 1
    assert host._number("pick", None) is host._number("inpaint", ["chord"]) is None
    for words in (["0"], ["chord"], ["1", "2"], ["-1"]):
        with pytest.raises(BadSetting, match="no take"):
            host._number("pick", words)
