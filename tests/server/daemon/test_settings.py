"""Settings of the daemon: where they come from, and that nothing wrong passes."""

import sys
from pathlib import Path

import msgspec
import pytest
from punchin_server.daemon import serve
from punchin_server.daemon.settings import HELP, Settings, load
from punchin_wire.errors import BadSetting


def test_a_flag_wins_over_the_environment_and_that_over_the_default() -> None:
    env = {"PUNCHIN_SERVE_QUEUE": "4", "PUNCHIN_SERVE_KEEP_ALIVE": "2.5", "HOME": "/root"}
    settings = load(["--queue", "7", "--device=cpu"], env)
    assert (settings.queue, settings.keep_alive, settings.device) == (7, 2.5, "cpu")
    assert settings.port == Settings().port


@pytest.mark.parametrize(
    ("argv", "env"),
    [
        (["--prot", "1"], {}),
        (["--queu", "1"], {}),  # no abbreviations either
        (["--queue"], {}),
        (["--queue", "many"], {}),
        (["--queue", "0"], {}),
        (["--port", "65536"], {}),
        (["--keep-alive", "-1"], {}),
        (["--keep-alive", "nan"], {}),
        (["--device", "cpu; rm"], {}),
        (["--seats", "1:2"], {}),
        (["--executor", "ray", "--seats", "3:2"], {}),
        (["--executor", "ray", "--seats", "0:0"], {}),
        (["--executor", "ray", "--ray-address", "ray://host:10001"], {}),
        (["--executor", "ray", "--device", "cpu,cpu"], {}),
        (["--device", "cpu,"], {}),
        (["extra"], {}),
        ([], {"PUNCHIN_SERVE_QUEU": "4"}),
        ([], {"PUNCHIN_SERVE_PORT": "x"}),
    ],
)
def test_what_is_wrong_is_one_clear_error(argv: list[str], env: dict[str, str]) -> None:
    with pytest.raises(BadSetting):
        load(argv, env)


@pytest.mark.parametrize("address", ["0.0.0.0", "192.168.1.5", "::", "localhost.example"])
def test_beyond_loopback_nothing_is_served_without_keys(address: str) -> None:
    with pytest.raises(BadSetting):
        load(["--bind", address])


@pytest.mark.parametrize(
    ("address", "here", "loopback"),
    [
        ("0.0.0.0", "127.0.0.1", "127.0.0.1"),
        ("192.168.1.5", "192.168.1.5", "127.0.0.1"),
        ("::", "::1", "::1"),
        ("127.0.0.2", "127.0.0.2", "127.0.0.2"),
    ],
)
def test_with_keys_any_address_is_served_and_osc_stays_on_loopback(address: str, here: str, loopback: str) -> None:
    settings = load(["--bind", address, "--keys"])
    assert (settings.keys, settings.host, settings.loopback) == (True, here, loopback)
    assert load([], {"PUNCHIN_SERVE_BIND": address, "PUNCHIN_SERVE_KEYS": "1"}).keys


@pytest.mark.parametrize("address", ["127.0.0.1", "::1"])
def test_loopback_addresses_are_fine(address: str) -> None:
    assert load(["--bind", address]).bind == address


def test_every_setting_is_explained() -> None:
    assert {field.name for field in msgspec.structs.fields(Settings)} == set(HELP)


def test_without_ray_it_is_said_what_to_install(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setenv("PUNCHIN_HOME", str(tmp_path))
    monkeypatch.setitem(sys.modules, "ray", None)  # type: ignore[arg-type]
    assert serve.main(["--executor", "ray", "--osc-port", "0"]) == 2
    assert "pip install 'punchin[server,ray]'" in capsys.readouterr().err
