"""Ground floor shared by bridge and server: messages, frames, errors, OSC table. No torch, no sockets."""

VERSION = "0.1.0"
"""Of the distribution, as in pyproject.toml. Bridge and daemon may differ in it; what must agree is the protocol."""
