"""Hands: OSC surfaces and MIDI controllers that drive Punchin and see what it does.

::

    surface ~OSC~> osc/  --> console --> ..hosts.desk ~Ask~> host
    controller ~MIDI~> midi/ -->  ^  |
                       view <-----+--+  what every surface shows

:mod:`.controls` are the values that surfaces turn, :mod:`.actions` what they may ask for. The :class:`.console.Console`
knows both and nothing of packets: the edges, `osc/` and `midi/`, say what was done to it, and show its `View`.
"""
