"""The front process: sockets, jobs, results, and the worker's life. Imports no torch."""
