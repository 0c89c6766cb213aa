"""Hosts: what a DAW and the bridge tell each other, how it travels, and what the bridge does with it.

====================  ===========================================================================
:mod:`.documents`     what is said, as structs that check themselves
:mod:`.compose`       what was submitted as an order
:mod:`.clips`         what the clips of a track sound like, for hosts that render nothing
:mod:`.warp`          which second of its file a clip plays when
:mod:`.timeline`      the project's clock as a tempo map
:mod:`.chord_names`   chords as musicians write them
:mod:`.naming`        what takes and undo steps are called
====================  ===========================================================================
"""
