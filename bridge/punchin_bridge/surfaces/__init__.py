"""Surfaces: OSC tablets and MIDI controllers that drive Punchin and show what it does.

::

    tablet     ~OSC~>  osc/  --> console --> ..hosts.sessions ~Command~> host
    controller ~MIDI~> midi/ -->  ^  |
                       View <-----+--+  what every surface shows

:mod:`.parameters` are the values that surfaces turn, :mod:`.actions` what they may ask for, :mod:`.chords` what is
played for the next job. The :class:`.console.Console` knows these and nothing of packets: the edges, `osc/` and
`midi/`, pass on what was done on a surface, and show the console's `View`. Arrows run from edges to console to
sessions, none back: what comes from hosts, the bridge's loop hands to the console (:func:`..serve.receive`).
"""
