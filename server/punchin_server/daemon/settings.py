"""The daemon's settings: one frozen struct, checked when made. Knows no sockets and reads no files.

A setting comes from a flag (`--queue 4`), else from the environment (`PUNCHIN_SERVE_QUEUE=4`), else from the
default below. A name that is no setting, or a value out of range, is a :class:`BadSetting`; nothing is guessed.
"""

from __future__ import annotations

import argparse
import ipaddress
import math
from collections.abc import Mapping, Sequence
from typing import Annotated, Any, Literal, NoReturn

import msgspec
from msgspec import Meta
from punchin_wire.errors import BadSetting
from punchin_wire.messages import VANISHED_SECONDS
from punchin_wire.structs import in_words

PREFIX = "PUNCHIN_SERVE_"
OSC_PORT = 17812

DEVICE = r"(auto|cpu|mps|cuda(:\d+)?)"
MOST_SEATS = 64

Port = Annotated[int, Meta(ge=0, le=65535)]
Positive = Annotated[float, Meta(gt=0.0, le=1e7)]

HELP_PAGE = "See `punchin serve --help`."
HELP = {
    "port": "ZeroMQ port for clients; 0 lets the system choose",
    "events_port": "ZeroMQ port for observers of events; 0 lets the system choose",
    "osc_port": "UDP port for OSC; 0 lets the system choose, -1 serves no OSC",
    "metrics_port": "TCP port of this computer with Prometheus's /metrics; 0 lets the system choose, -1 serves none",
    "bind": "address to listen on; beyond loopback only with --keys, which encrypts and lets in known computers alone",
    "keys": "let in only computers whose key is allowed (`punchin keys allow`)",
    "pulls": "let other computers have model packs fetched here",
    "queue": "jobs that may wait behind the running ones",
    "client_share": "part of the queue, of its bytes and of those of results that one client may fill",
    "queue_bytes": "bytes of audio that waiting and running jobs may hold",
    "results_bytes": "bytes of finished takes kept on disk before new jobs are refused",
    "results_seconds": "how long a finished take is kept when nobody fetches it",
    "keep_alive": "seconds without work after which the worker is stopped and its memory given back",
    "idle_exit": "seconds without work and without clients after which the daemon stops; 0: never",
    "vanished": "seconds of silence after which a client counts as vanished",
    "worker_silence": "seconds without a heartbeat after which the worker is killed",
    "cancel_grace": "seconds that a cancelled job may still compute before its worker is killed",
    "device": "where models run: auto, cpu, cuda, cuda:1, mps; several with commas, each for a job of its own",
    "executor": "what runs the workers: local, on this computer, or ray, in a Ray cluster",
    "ray_address": "address of the cluster, HOST:PORT as `ray start` shows it; without it Ray starts on this computer",
    "seats": "workers in the cluster, MIN:MAX; those beyond MIN end when there is nothing to do (default 1:GPUs)",
    "precision": "arithmetic of the models: auto, float32, bfloat16, float16, int8; on a GPU float8",
}


class Settings(msgspec.Struct, frozen=True, forbid_unknown_fields=True, kw_only=True):
    """What can be set. Times in seconds, sizes in bytes; :data:`HELP` says each in a sentence."""

    port: Port = 0
    events_port: Port = 0
    osc_port: Annotated[int, Meta(ge=-1, le=65535)] = OSC_PORT
    metrics_port: Annotated[int, Meta(ge=-1, le=65535)] = -1
    bind: str = "127.0.0.1"
    keys: bool = False
    pulls: bool = False
    queue: Annotated[int, Meta(ge=1, le=1000)] = 32
    client_share: Annotated[float, Meta(gt=0.0, le=1.0)] = 0.5
    queue_bytes: Annotated[int, Meta(ge=1)] = 4 * 2**30
    results_bytes: Annotated[int, Meta(ge=1)] = 4 * 2**30
    results_seconds: Positive = 24 * 3600.0
    keep_alive: Positive = 300.0
    idle_exit: Annotated[float, Meta(ge=0.0, le=1e7)] = 0.0
    vanished: Positive = VANISHED_SECONDS
    worker_silence: Positive = 60.0
    cancel_grace: Positive = 30.0
    device: Annotated[str, Meta(pattern=rf"^{DEVICE}(,{DEVICE}){{0,{MOST_SEATS - 1}}}$")] = "auto"
    executor: Literal["local", "ray"] = "local"
    ray_address: Annotated[str, Meta(pattern=r"^([^\s:/]+:\d{1,5})?$")] = ""
    seats: Annotated[str, Meta(pattern=r"^(\d{1,2}:\d{1,2})?$")] = ""
    precision: Annotated[str, Meta(pattern=r"^(auto|float32|bfloat16|float16|int8|float8)$")] = "auto"

    def __post_init__(self) -> None:
        try:
            address = ipaddress.ip_address(self.bind)
        except ValueError:
            raise BadSetting(f"--bind takes an IP address, not {self.bind!r}.", "Use --bind 127.0.0.1.") from None
        if not (address.is_loopback or self.keys):
            raise BadSetting(
                f"Listening on {self.bind} would open Punchin to everybody on the network, without encryption.",
                "Add --keys, after `punchin keys new`; or use --bind 127.0.0.1, and an ssh tunnel from other machines.",
            )

        if self.executor == "local" and (self.seats or self.ray_address):
            raise BadSetting("--seats and --ray-address are for --executor ray.", "Name this computer's by --device.")
        if self.executor == "ray" and len(self.devices) > 1:
            raise BadSetting("In a cluster all seats have one kind of device.", "Say how many there are by --seats.")
        least, most = self.seat_range or (1, 1)
        if not least <= most or not 1 <= most <= MOST_SEATS:
            raise BadSetting(f"--seats {self.seats} is no range of 1 to {MOST_SEATS} seats.", "Say --seats 1:4.")

    @property
    def seat_range(self) -> tuple[int, int] | None:
        """The least and the most seats of a cluster, where they are given."""
        least, _, most = self.seats.partition(":")
        return (int(least), int(most)) if self.seats else None

    @property
    def devices(self) -> tuple[str, ...]:
        """The device of each seat."""
        return tuple(self.device.split(","))

    @property
    def client_queue(self) -> int:
        """Jobs of one client that may wait."""
        return math.ceil(self.client_share * self.queue)

    @property
    def loopback(self) -> str:
        """Where only this computer is heard, whatever else is."""
        address = ipaddress.ip_address(self.bind)
        return self.bind if address.is_loopback else "127.0.0.1" if address.version == 4 else "::1"

    @property
    def host(self) -> str:
        """The address at which this computer reaches the daemon."""
        return self.loopback if ipaddress.ip_address(self.bind).is_unspecified else self.bind


def load(argv: Sequence[str] = (), env: Mapping[str, str] | None = None) -> Settings:
    """The settings that flags `argv` and the environment `env` give. Raises BadSetting."""
    given: dict[str, Any] = {
        name.removeprefix(PREFIX).lower(): value for name, value in (env or {}).items() if name.startswith(PREFIX)
    }
    given |= vars(parser().parse_args(list(argv)))
    try:
        return msgspec.convert(given, Settings, strict=False)
    except msgspec.ValidationError as error:
        if isinstance(error.__cause__, BadSetting):
            raise error.__cause__ from None
        raise BadSetting(f"A setting of the daemon is wrong: {in_words(error)}.", HELP_PAGE) from None


class _Parser(argparse.ArgumentParser):
    def error(self, message: str) -> NoReturn:
        raise BadSetting(f"punchin serve: {message}", HELP_PAGE)


def parser() -> argparse.ArgumentParser:
    """The flags of `punchin serve`."""
    parser = _Parser(prog="punchin serve", description="Serve punch-in jobs on this machine.", allow_abbrev=False)
    for field in msgspec.structs.fields(Settings):
        # No default and no type here: what is absent stays absent, and the struct alone checks values.
        flag: dict[str, Any] = {"dest": field.name, "default": argparse.SUPPRESS}
        if field.type is bool:
            flag |= {"action": "store_true", "help": HELP[field.name]}
        else:
            metavar = field.name.split("_")[-1].upper()
            default = "" if field.default == "" else f" (default {field.default})"
            flag |= {"metavar": metavar, "help": f"{HELP[field.name]}{default}"}
        parser.add_argument("--" + field.name.replace("_", "-"), **flag)
    return parser
