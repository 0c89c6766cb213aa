"""The way to the bridge and back: OSC over loopback UDP, never waiting; long documents as files in the bridge's inbox.

Nothing here is sure to arrive, so the host says a thing again until the bridge's state shows that it was heard.
"""

from __future__ import annotations

import json
import os
import socket
from typing import Callable

from .clips import Json
from .osc import OscError, decode, encode
from .settings import FOLDER, Refusal, installed, read_json

try:
    import subprocess
except ImportError:  # a Live whose Python lacks it can still talk to a bridge that runs
    subprocess = None  # type: ignore[assignment]

PORT = 17813
"""Where bridges listen, unless `bridge.json` says otherwise."""
MAX_PACKET = 8192
"""Longest packet either way: macOS sends no UDP packet of more than 9216 bytes."""
MAX_STATE = 1 << 20
PACKETS_A_TICK = 32
ALIVE_SECONDS = 4.0
"""A bridge says how it is every second; one that was silent for so long is not there."""
ASK_FIELDS: dict[str, type | tuple[type, ...]] = {"ask": str, "action": str}
JOB_FIELDS: dict[str, type | tuple[type, ...]] = {"fraction": (int, float), "region": dict, "takes": list}
JOB_FIELDS.update(dict.fromkeys(("job", "phase", "project", "line", "track", "guard"), str))
"""What is read of a job."""


class Link:
    """One host's socket. `host` is the host's id; `log` takes lines for Live's log."""

    def __init__(self, host: str, log: Callable[[str], None], folder: str = FOLDER) -> None:
        self._host, self._log, self._folder = host, log, folder
        self._socket: socket.socket | None = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
        self._socket.setblocking(False)
        self._socket.bind(("127.0.0.1", 0))
        self.port = int(self._socket.getsockname()[1])
        self._bridge_port = PORT
        self._heard = -1e9
        self._files = 0
        self._waiting: dict[str, str] = {}  # files in the inbox, by what they say
        self._child: subprocess.Popen[bytes] | None = None

    def close(self) -> None:
        if self._socket is not None:
            self._socket.close()
            self._socket = None

    def alive(self, now: float) -> bool:
        """Whether the bridge was heard of late; `now` is any clock that only goes forward, in seconds."""
        return now - self._heard < ALIVE_SECONDS

    # ---- from the bridge -----------------------------------------------------------------------------------------

    def receive(self, now: float) -> list[Json]:
        """The states that came in since, oldest first. Reads what is there and no more than a tick can bear."""
        states = []
        for _ in range(PACKETS_A_TICK):
            if self._socket is None:
                break
            try:
                packet = self._socket.recv(65535)
            except OSError:  # nothing there; or, on Windows, an answer that a port was closed
                break
            state = self._state(packet)
            if state is not None:
                self._heard = now
                states.append(state)
        return states

    def _state(self, packet: bytes) -> Json | None:
        """The newest state that a packet holds, or None with a line in the log."""
        try:
            for address, values in decode(packet):
                if len(values) == 1 and isinstance(values[0], str):
                    if address == "/punchin/host/state":
                        return self._checked(values[0])
                    if address == "/punchin/host/state_file":
                        return self._checked(self._read(values[0]))
            raise OscError("not for a host")
        except (OscError, ValueError, OSError, Refusal) as problem:
            self._log(f"Punchin: a packet could not be used: {problem}")
        return None

    def _checked(self, text: str) -> Json | None:
        state = json.loads(text)
        if not isinstance(state, dict) or state.get("host") != self._host:
            raise OscError("a state of another host")
        for name, fields in (("jobs", JOB_FIELDS), ("asks", ASK_FIELDS)):
            items = state.setdefault(name, [])
            if not isinstance(items, list) or not all(_has(item, fields) for item in items):
                raise OscError(f"a state with other {name} than this version knows")
        return state

    def _read(self, path: str) -> str:
        own = os.path.join(os.path.realpath(installed(self._folder).spool), "hosts", self._host, "state.json")
        if os.path.realpath(path) != own:
            raise OscError("a state file where none belongs")
        with open(own, "rb") as file:
            data = file.read(MAX_STATE + 1)
        if len(data) > MAX_STATE:
            raise OscError("a state file of more than a megabyte")
        return data.decode("utf-8")

    # ---- to the bridge -------------------------------------------------------------------------------------------

    def post(self, text: str, now: float) -> None:
        """Say one document. A long one becomes a file, which is not written again while it waits to be read."""
        if not self.alive(now):
            self._find_bridge()
        packet = encode("/punchin/host/post", text)
        if len(packet) > MAX_PACKET:
            self._post_file(text)
        elif self._socket is not None:
            try:
                self._socket.sendto(packet, ("127.0.0.1", self._bridge_port))
            except OSError as problem:  # full, or nobody there: it is said again
                self._log(f"Punchin: could not send: {problem}")

    def _post_file(self, text: str) -> None:
        waiting = self._waiting.get(text)
        if waiting is not None and os.path.exists(waiting):
            return
        inbox = os.path.join(installed(self._folder).spool, "inbox")
        os.makedirs(inbox, mode=0o700, exist_ok=True)
        self._files += 1
        path = os.path.join(inbox, f"{self._host}-{self._files:08d}.json")
        draft = path[:-5] + ".part"
        with open(draft, "wb") as file:
            file.write(text.encode("utf-8"))
        os.replace(draft, path)
        self._waiting = {text: path}

    def _find_bridge(self) -> None:
        """The bridge's port, as its record says."""
        try:
            port = read_json(installed(self._folder).record).get("osc_port")
        except Refusal:
            return
        if isinstance(port, int) and 0 < port < 65536:
            self._bridge_port = port

    # ---- the bridge itself ---------------------------------------------------------------------------------------

    def start_bridge(self) -> None:
        """Start the bridge as a process of its own; where one runs, the new one ends at once. Raises Refusal."""
        if self._child is not None and self._child.poll() is not None:
            self._child = None  # collected, so that no zombie stays
        try:
            self._child = _detached(installed(self._folder).command)
        except (OSError, AttributeError) as problem:
            raise Refusal(f"Cannot start the bridge ({problem}): run `punchin host install ableton` again.") from None


def _has(item: object, fields: dict[str, type | tuple[type, ...]]) -> bool:
    return isinstance(item, dict) and all(isinstance(item.get(name), kind) for name, kind in fields.items())


def _detached(command: list[str]) -> subprocess.Popen[bytes]:
    """A process that outlives Live and has none of its Python's environment."""
    clean = {name: value for name, value in os.environ.items() if not name.startswith("PYTHON")}
    windows = os.name == "nt"
    null = subprocess.DEVNULL
    return subprocess.Popen(
        command,
        stdin=null,
        stdout=null,
        stderr=null,
        close_fds=True,
        env=clean,
        creationflags=0x00000208 if windows else 0,  # DETACHED_PROCESS, CREATE_NEW_PROCESS_GROUP
        start_new_session=not windows,
    )
