"""`punchin` run in this process, and what it said."""

from __future__ import annotations

import json
from typing import Any

import pytest
from punchin_bridge.cli.main import main


class Punchin:
    """Runs a command in this process and keeps what it said."""

    def __init__(self, capsys: pytest.CaptureFixture[str]) -> None:
        self._capsys = capsys
        self.stdout = self.stderr = ""

    def __call__(self, *words: object) -> int:
        self._capsys.readouterr()
        code = main([str(word) for word in words])
        self.stdout, self.stderr = self._capsys.readouterr()
        return code

    def json(self, *words: object) -> Any:
        """The one object that the command prints."""
        code = self(*words, "--json")
        assert code == 0, self.stderr
        assert self.stdout.count("\n") == 1
        return json.loads(self.stdout)

    def fails(self, code: int, error: str, *words: object) -> str:
        """The command ends with this exit code and this error, on one line and as an object."""
        assert self(*words, "--json") == code, self.stderr
        found = json.loads(self.stdout)["error"]
        assert (found["code"], sorted(found)) == (error, ["code", "message", "next_step"])
        assert self.stderr == f"punchin: {found['message']} {found['next_step']}\n"
        return str(found["message"])
