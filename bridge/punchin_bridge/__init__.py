"""The light process beside the DAW: command line, client, timeline, requests and splice. No torch."""
