"""What the command line answers to words that cannot be meant, and to Ctrl-C: a sentence in people's words."""

from __future__ import annotations

import sys

import pytest
from punchin_bridge.cli import __main__ as entry
from punchin_bridge.cli.main import main
from punchin_bridge.daemon import launch

TOO_LONG = "x" * 300


@pytest.mark.parametrize(
    ("words", "answer"),
    [
        ("inpaint s.wav --takes many", "Invalid value for '--takes': it is no whole number. "
         "See `punchin inpaint --help`."),
        ("inpaint s.wav --start x", "Invalid value for '--start': it is no number. "
         "See `punchin inpaint --help`."),
        ("surface layout x", "Invalid value for 'tablet': 'x' is not one of 'touchosc', 'open-stage-control'. "
         "See `punchin surface layout --help`."),
        ("inpaint s.wav --start", "Option '--start' requires an argument. See `punchin inpaint --help`."),
        ("host nope", "No such command 'nope'. See `punchin host --help`."),
        ("cancel a", "A job's name has 4 to 64 letters, digits, - and _. Choose one like verse-2."),
        ("inpaint s.wav --pack a/b",
         "pack cannot be 'a/b'. It is a text of up to 64 letters, digits, dots, dashes and underscores."),
        ("inpaint s.wav --temperature 0", "temperature cannot be 0. It goes from above 0 to 10."),
    ],
)  # fmt: skip
def test_wrong_words(words: str, answer: str, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(words.split()) == 2
    assert capsys.readouterr().err == f"punchin: {answer}\n"


@pytest.mark.parametrize("words", ["", "host"])
def test_no_words_show_the_page(words: str, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(words.split()) == 2
    assert capsys.readouterr().err.startswith(f"Usage: punchin {words}".rstrip())


@pytest.mark.parametrize(
    "words", ["inpaint {}.wav --start 1 --end 2", "inpaint --again {}.wav", "open {} --no-browser"]
)
def test_a_name_that_is_too_long_is_to_be_shorter(words: str, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(words.format(TOO_LONG).split()) == 2
    said = capsys.readouterr().err
    assert said.count("\n") == 1
    assert TOO_LONG in said
    assert said.endswith("Give a shorter name.\n")


def stop(*_: object) -> None:
    raise KeyboardInterrupt


def test_ctrl_c_is_heard_while_we_load(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> None:
    class Stopping:
        find_spec = staticmethod(stop)

    monkeypatch.delitem(sys.modules, "punchin_bridge.cli.main")
    monkeypatch.setattr(sys, "meta_path", [Stopping])
    assert entry.main() == 130
    assert capsys.readouterr().err == "Interrupted.\n"


def test_ctrl_c_is_said_by_every_command(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> None:
    monkeypatch.setattr(launch, "find", stop)
    assert main(["status"]) == 130
    assert capsys.readouterr().err == "Interrupted.\n"
