"""The local daemon. Its front process imports no torch; only the worker does."""
