"""Ground floor shared by bridge and server: messages, frames, errors, OSC table. No torch, no sockets."""
