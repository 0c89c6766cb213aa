"""Ground floor shared by bridge and server: messages, frames, errors, OSC table, files. No torch; sockets only in
:mod:`.osc.udp`."""

VERSION = "0.1.0"
"""Of the distribution, as in pyproject.toml. Bridge and daemon may differ in it; what must agree is the protocol."""
