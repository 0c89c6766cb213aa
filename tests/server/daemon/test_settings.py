"""Settings of the daemon: where they come from, and that nothing wrong passes."""

import msgspec
import pytest
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
        (["extra"], {}),
        ([], {"PUNCHIN_SERVE_QUEU": "4"}),
        ([], {"PUNCHIN_SERVE_PORT": "x"}),
    ],
)
def test_what_is_wrong_is_one_clear_error(argv: list[str], env: dict[str, str]) -> None:
    with pytest.raises(BadSetting):
        load(argv, env)


@pytest.mark.parametrize("address", ["0.0.0.0", "192.168.1.5", "::", "localhost.example"])
def test_only_loopback_is_served(address: str) -> None:
    with pytest.raises(BadSetting):
        load(["--bind", address])


@pytest.mark.parametrize("address", ["127.0.0.1", "::1"])
def test_loopback_addresses_are_fine(address: str) -> None:
    assert load(["--bind", address]).bind == address


def test_every_setting_is_explained() -> None:
    assert {field.name for field in msgspec.structs.fields(Settings)} == set(HELP)
