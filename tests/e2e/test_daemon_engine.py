"""The daemon with the real worker and the real engine, on a pack of random weights."""

from pathlib import Path

import pytest
from fakes.harness import MODEL_EXECUTORS, daemon, takes, until
from fakes.pack import write_random_pack
from punchin_wire.errors import PackMissing
from punchin_wire.messages import Cancelled, Done, Failed, Progress

pytestmark = [pytest.mark.e2e, pytest.mark.model]


@pytest.mark.parametrize("flags", MODEL_EXECUTORS)
def test_takes_errors_and_cancel_with_a_real_model(tmp_path: Path, flags: tuple[str, ...]) -> None:
    write_random_pack(tmp_path / "mini")
    env = {"REAL_WORKER": "1", "PUNCHIN_PACKS": str(tmp_path / "mini")}
    with daemon(tmp_path / "home", *flags, env=env) as running:
        client = running.client()

        client.accepted("real", takes=2, pack_name="mini", seconds=0.5)
        events = client.events("real", 120.0)
        done = events[-1].body
        assert isinstance(done, Done), done
        assert takes(events) == [0, 1]
        assert {"queue", "load", "encode", "prefill", "decode", "codec"} <= set(done.timings)
        assert done.models["pack"] == "mini 3"
        stages = [event.body.stage for event in events if isinstance(event.body, Progress)]
        assert list(dict.fromkeys(stages)) == ["load", "encode", "prefill", "decode", "codec"]
        until(lambda: client.seat("real").device == done.models["device"])  # with the next heartbeat
        assert client.seat("real").packs == ("mini:inpaint",)

        client.accepted("no-pack", pack_name="missing")
        failed = client.ending("no-pack", 60.0)
        assert isinstance(failed, Failed)
        assert failed.error.code == PackMissing.code

        client.accepted("stop", takes=4, pack_name="mini", seconds=120)
        while not isinstance(body := client.packet(60.0).message.body, Progress) or body.stage != "decode":
            pass
        client.cancel("stop")
        assert isinstance(client.ending("stop"), Cancelled)
        assert client.seat("stop").state == "idle"
