"""Which bridge `punchin open` and its like take for running: not one that was killed and left its record."""

from __future__ import annotations

import os
import socket
import subprocess
import sys
import threading
from pathlib import Path

import pytest
from punchin_bridge.cli.main import main
from punchin_bridge.daemon import launch
from punchin_bridge.page import opening
from punchin_wire import paths
from punchin_wire.errors import DaemonUnreachable
from punchin_wire.paths import BridgeRecord


@pytest.fixture(autouse=True)
def home(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PUNCHIN_HOME", str(tmp_path))


def test_a_bridge_that_answers_is_taken() -> None:
    with socket.create_server(("127.0.0.1", 0)) as listener:
        record = BridgeRecord(os.getpid(), 1, "0", page_port=listener.getsockname()[1])
        paths.write_bridge_record(record)
        assert opening.find_or_start(("false",)) == record


def test_a_bridge_whose_number_another_process_has_is_started_anew() -> None:
    with socket.create_server(("127.0.0.1", 0)) as listener:
        port = listener.getsockname()[1]
    paths.write_bridge_record(BridgeRecord(os.getpid(), 1, "0", page_port=port))
    with pytest.raises(DaemonUnreachable, match="The bridge did not start"):
        opening.find_or_start((sys.executable, "-c", ""))


def test_a_bridge_that_was_killed_is_none(capsys: pytest.CaptureFixture[str]) -> None:
    with subprocess.Popen([sys.executable, "-c", ""]) as gone:
        gone.wait(20)
    paths.write_bridge_record(BridgeRecord(gone.pid, 1, "0", 2))
    assert launch.bridge() is None
    for words in (["host", "do", "reaper", "next"], ["surface", "learn", "punch"]):
        assert main(words) == 5
        assert capsys.readouterr().err.startswith("punchin: No bridge is running.")


@pytest.mark.parametrize("said", [b"HTTP/1.0 200 OK\r\n\r\n[]", b"HTTP/1.0 200 OK\r\n\r\n\xff", b"SSH-2.0-x\r\n"])
def test_another_program_at_the_pages_port_is_told_apart(said: bytes) -> None:
    def answer() -> None:
        link, _ = listener.accept()
        asked = b""
        with link:
            while not asked.endswith(b"{}"):  # else closing it would be a reset
                asked += link.recv(4096)
            link.sendall(said)

    with socket.create_server(("127.0.0.1", 0)) as listener:
        paths.page_key().parent.mkdir(exist_ok=True)
        paths.page_key().write_text("key")
        thread = threading.Thread(target=answer)
        thread.start()
        record = BridgeRecord(os.getpid(), 1, "0", page_port=listener.getsockname()[1])
        with pytest.raises(DaemonUnreachable, match="Another program answers at port"):
            opening.address(record)
        thread.join(10)


def test_why_a_page_does_not_answer_is_said_in_words(monkeypatch: pytest.MonkeyPatch) -> None:
    with socket.create_server(("127.0.0.1", 0)) as listener:
        record = BridgeRecord(os.getpid(), 1, "0", page_port=listener.getsockname()[1])
        paths.page_key().parent.mkdir(exist_ok=True)
        paths.page_key().write_text("key")
        monkeypatch.setattr(opening, "ANSWER_SECONDS", 0.2)
        with pytest.raises(DaemonUnreachable, match=r"^The page does not answer: timed out\.$"):
            opening.address(record)
    with pytest.raises(DaemonUnreachable, match=r"^The page does not answer: Connection refused\.$"):
        opening.address(record)
