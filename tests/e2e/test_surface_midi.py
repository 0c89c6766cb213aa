"""Real MIDI ports: controllers in a JACK server of their own play to a real bridge, which drives a host."""

from __future__ import annotations

import itertools
import os
import shutil
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import mido
import numpy as np
import pytest
from fakes.bridge import RunningBridge, bridge
from fakes.harness import daemon, until
from fakes.host import FakeHost
from punchin_bridge.surfaces.midi.ports import RtPorts

rtmidi = pytest.importorskip("rtmidi")
pytestmark = [
    pytest.mark.e2e,
    pytest.mark.host,
    pytest.mark.skipif(not shutil.which("jackd"), reason="jackd is not installed"),
]
CAN = ("inpaint", "mark_in", "mark_out", "select", "repeat")
MAPPING = """
ports = ["pedal*"]
[[map]]
note = 36
action = "punch"
[[map]]
cc = 20
control = "takes"
mode = "twos"
[[map]]
cc = 21
control = "temperature"
[chords]
channel = 2
[mackie]
port = "mcu"
"""


@pytest.fixture(scope="module")
def jack() -> Iterator[dict[str, str]]:
    """A fresh JACK server that plays to nobody, and what makes programs find it."""
    name = "punchin-tests"  # always this: JACK remembers the names of eight servers, and refuses a ninth
    # Synchronous, with long periods: on a busy machine JACK goes on without clients that are late, and drops messages.
    command = ["jackd", "-n", name, "-r", "-S", "-d", "dummy", "-r", "48000", "-p", "512"]
    server = subprocess.Popen(command, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
    env = {"JACK_DEFAULT_SERVER": name, "JACK_NO_START_SERVER": "1"}
    try:
        with pytest.MonkeyPatch.context() as patch:
            for key, value in env.items():
                patch.setenv(key, value)
            until(lambda: _answers() or server.poll() is not None, 20)
            if server.poll() is not None:
                pytest.skip("jackd does not run here")
            yield env
    finally:
        server.terminate()
        try:
            server.wait(5)
        except subprocess.TimeoutExpired:  # it waits for a client that was killed
            server.kill()
            server.wait(5)


def _answers() -> bool:
    try:
        rtmidi.MidiOut(rtmidi.API_UNIX_JACK, name="look").delete()
    except Exception:
        return False
    return True


class Controller:
    """A device: keys and knobs that others may listen to, and lights that they may set."""

    def __init__(self, name: str = "pedal") -> None:
        self.out = rtmidi.MidiOut(rtmidi.API_UNIX_JACK, name=name)
        self.out.open_virtual_port("keys")
        self.lights = rtmidi.MidiIn(rtmidi.API_UNIX_JACK, name=name)
        self.lights.open_virtual_port("lights")
        self.lights.ignore_types(sysex=False)

    def send(self, *messages: mido.Message) -> None:
        for message in messages:
            self.out.send_message(message.bytes())

    def shown(self) -> list[list[int]]:
        found = []
        while (event := self.lights.get_message()) is not None:
            found.append(event[0])
        return found

    def unplug(self) -> None:
        for port in (self.out, self.lights):
            port.close_port()
            port.delete()


@pytest.fixture
def pedal(jack: dict[str, str]) -> Iterator[Controller]:  # noqa: ARG001
    found = Controller()
    yield found
    found.unplug()


def test_ports_come_play_light_up_and_go(pedal: Controller) -> None:
    ports: Any = RtPorts(rtmidi.API_UNIX_JACK)
    try:
        [name], gone = ports.scan(lambda name: "pedal" in name)
        assert gone == []
        pulse = mido.Message("start")
        until(lambda: pedal.send(pulse) or list(ports.receive()))  # JACK carries nothing in the first moments
        sent = time.time()
        pedal.send(mido.Message("note_on", note=60), mido.Message("sysex", data=[0x7F, 0x7F, 0x06, 0x06]))
        came: list[Any] = []
        until(lambda: came.extend(each for each in ports.receive() if each.data != b"\xfa") or len(came) == 2)
        assert [each.data for each in came] == [b"\x90\x3c\x40", b"\xf0\x7f\x7f\x06\x06\xf7"]
        assert all(abs(each.when - sent) < 5 for each in came)
        lit = until(lambda: ports.send(name, b"\x90\x24\x7f") or pedal.shown())
        assert lit[0] == [0x90, 0x24, 0x7F]
        extra = Controller("pedal board")
        come, _ = until(lambda: (found := ports.scan(lambda name: "pedal" in name))[0] and found)
        assert len(come) == 1
        extra.unplug()
        _, gone = until(lambda: (found := ports.scan(lambda name: "pedal" in name))[1] and found)
        assert gone == come
    finally:
        ports.close()


# ---- a whole performance -------------------------------------------------------------------------------------


@pytest.fixture(scope="module")
def running(jack: dict[str, str], tmp_path_factory: pytest.TempPathFactory) -> Iterator[RunningBridge]:
    home = tmp_path_factory.mktemp("home")
    (home / "data").mkdir()
    (home / "data" / "midi.toml").write_text(MAPPING)
    with daemon(home), bridge(home, env=jack) as found:
        yield found


@pytest.fixture
def host(running: RunningBridge) -> Iterator[FakeHost]:
    found = FakeHost(running.spool, can=CAN)
    found.hello()
    yield found
    found.bye()


def performance() -> mido.MidiFile:
    """Two chords, two more takes, then a foot that punches in twice: at 2 and 4 s, and at 7 and 9 s of the song."""
    file = mido.MidiFile(type=0, ticks_per_beat=480)
    track = file.add_track()
    for pitches in ((60, 64, 67), (57, 60, 64)):
        track.extend(mido.Message("note_on", channel=1, note=pitch, velocity=90) for pitch in pitches)
        track.extend(mido.Message("note_off", channel=1, note=p, time=240 if p == pitches[0] else 0) for p in pitches)
    track.append(mido.Message("control_change", control=20, value=1, time=10))
    for _ in range(6):
        track.append(mido.Message("note_on", note=36, velocity=100, time=240))
        track.append(mido.Message("note_off", note=36, time=40))
    return file


def perform(running: RunningBridge, host: FakeHost, pedal: Controller) -> list[str]:
    """Play the performance while the song goes on; the two jobs that come of it."""
    until(lambda: running.log.count("has come") > running.log.count("has gone"), 20)
    presses = iter((2.0, 4.0, 4.5, 7.0, 9.0, 9.5))
    before = 0
    jobs: list[str] = []
    for message in performance().play():
        pedal.send(message)
        if message.type == "note_on" and message.note == 36:
            host.playing = next(presses)  # where the song is at this press
            try:
                until(lambda before=before: host.obey() and len(host.asked) > before, 10)
            except (
                AssertionError
            ):  # JACK drops messages in periods that it is late for; who sees no light presses again
                pedal.send(message)
                until(lambda before=before: host.obey() and len(host.asked) > before)
            before = len(host.asked)
            if host.asked[-1].action == "inpaint":
                job = until(lambda: next((v.job for v in host.views() if v.job not in jobs), None))
                jobs.append(job)
    assert [ask.action for ask in host.asked] == ["mark_in", "mark_out", "inpaint"] * 2
    return jobs


def test_a_performance_punches_in_twice(running: RunningBridge, host: FakeHost, pedal: Controller) -> None:
    regions = []
    for job in perform(running, host, pedal):
        view = host.place(job)
        regions.append((view.region.start / host.rate, view.region.end / host.rate))
        assert len(view.takes) == 2
        assert all("chord" in take.name for take in view.takes)
        host.wait(job, "placed")
    assert regions == [(2.0, 4.0), (7.0, 9.0)]
    assert any(message[:2] == [0x90, 36] and message[2] == 127 for message in pedal.shown())


@pytest.mark.model
def test_a_performance_on_the_embedded_pack(
    jack: dict[str, str], pedal: Controller, tmp_path_factory: pytest.TempPathFactory
) -> None:
    """The same with the real engine: real takes stand in both places, and nothing else of the track has changed."""
    home = tmp_path_factory.mktemp("real")
    (home / "data").mkdir()
    (home / "data" / "midi.toml").write_text(MAPPING)
    with daemon(home, env={"REAL_WORKER": "1"}), bridge(home, env=jack) as running:
        host = FakeHost(running.spool, can=CAN, folder=str(home / "takes"))
        host.hello()
        before = host.track.copy()
        takes = []
        for job in perform(running, host, pedal):
            takes += host.place(job, seconds=120).takes
            host.wait(job, "placed")
        host.bye()
    sounds = [host.read(Path(take.path)) for take in takes]
    assert len(sounds) == 4
    assert all(sound.shape == (2, 2 * host.rate) and 0.001 < np.sqrt(np.mean(sound**2)) < 1 for sound in sounds)
    assert not any(np.array_equal(one, other) for one, other in itertools.combinations(sounds, 2))
    same = np.all(host.track == before, axis=0)
    for start, end, is_same in ((0, 2, True), (2, 4, False), (4, 7, True), (7, 9, False), (9, 12, True)):
        part = same[start * host.rate : end * host.rate]
        assert part.all() if is_same else part.mean() < 0.1


def test_a_controller_that_comes_back_works_again(
    running: RunningBridge,
    host: FakeHost,
    jack: dict[str, str],  # noqa: ARG001
) -> None:
    until(lambda: running.log.count("has gone") == running.log.count("has come"), 20)
    for times in range(1, 3):
        come = running.log.count("has come")
        device = Controller()
        until(lambda come=come: running.log.count("has come") > come, 20)
        device.send(mido.Message("note_on", note=36, velocity=100))
        until(host.obey)
        assert len(host.asked) == times
        device.unplug()
        until(lambda: running.log.count("has gone") == running.log.count("has come"), 20)


def test_a_mackie_control_shows_the_host_and_presses_its_buttons(
    running: RunningBridge,  # noqa: ARG001
    host: FakeHost,
    jack: dict[str, str],  # noqa: ARG001
) -> None:
    device = Controller("mcu")
    try:
        shown = bytearray(b" " * 112)

        def display() -> str:
            for message in device.shown():
                if message[:6] == [0xF0, 0, 0, 0x66, 0x14, 0x12]:
                    shown[message[6] : message[6] + len(message) - 8] = bytes(message[7:-1])
            return shown.decode()

        until(lambda: "temp" in display(), 20)
        device.send(mido.Message("note_on", note=0x51, velocity=127))  # what tests before this have marked
        until(lambda: "Fake 1.0" in display(), 20)
        device.send(mido.Message("note_on", note=0x5F, velocity=127))
        until(host.obey)
        assert [ask.action for ask in host.asked] == ["mark_in"]
        until(lambda: "In is marked." in display())
        device.send(mido.Message("note_on", note=0x51, velocity=127))  # the foot steps back, for the tests after this
    finally:
        device.unplug()


def test_the_command_line_learns(running: RunningBridge, pedal: Controller) -> None:
    until(lambda: running.log.count("has come") > running.log.count("has gone"), 20)
    command = [sys.executable, "-m", "punchin_bridge.cli", "surface", "learn"]
    env = os.environ | {"PUNCHIN_HOME": str(running.home), "PYTHONPATH": os.pathsep.join(filter(None, sys.path))}
    process = subprocess.Popen([*command, "alpha"], env=env, stdout=subprocess.PIPE, text=True)
    assert process.stdout is not None
    assert process.stdout.readline().startswith("Press a key")
    until(lambda: pedal.send(mido.Message("control_change", control=55, value=64)) or process.poll() is not None)
    said = process.stdout.read()
    process.stdout.close()
    assert process.returncode == 0
    assert "cc = 55" in said
    assert 'control = "alpha"' in (running.home / "data" / "midi.toml").read_text()
    wrong = subprocess.run([*command, "loudness"], env=env, capture_output=True, text=True, timeout=30)
    assert wrong.returncode == 2
    assert "no parameter and no action" in wrong.stderr
