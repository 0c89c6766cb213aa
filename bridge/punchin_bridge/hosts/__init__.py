"""Hosts: what a DAW and the bridge send each other, how it travels, and what the bridge does with it.

====================  ===========================================================================
:mod:`.protocol`      the documents, as structs that check themselves
:mod:`.jobs`          the life of a job as a table, and what of it outlives the bridge
:mod:`.presence`      a host that is here, and whether it has to be sent anything
:mod:`.sessions`      who is here, what they asked for, what each should know: the core of it all
:mod:`.ensemble`      what was played on other tracks, for plug-ins
:mod:`.played`        notes as hosts send them: how long they sound, and which chords they are
:mod:`.spool`         documents by files
:mod:`.osc_link`      documents by OSC
:mod:`.runner`        jobs carried out, a thread each
:mod:`.compose`       what was submitted as an order
:mod:`.clips`         what the clips of a track sound like, for hosts that render nothing
:mod:`.warp`          which second of its file a clip plays when
:mod:`.timeline`      the project's clock as a tempo map
:mod:`.naming`        what takes and undo steps are called
:mod:`.packs`         which model packs there are, and a pull, as hosts are told of them
:mod:`.words`         errors in words for a musician in a DAW
:mod:`.installers`    the hosts' scripts into their programs
====================  ===========================================================================

**Threads.** A docstring that begins with one of these marks says where its function, or all of its class, runs. What
crosses from one to another goes through a queue. What has no mark shares nothing, and runs anywhere.

`[loop]`       the bridge's thread of control (:meth:`punchin_bridge.serve.Bridge.run`): it waits for nothing long
`[job]`        a thread of one job, which prepares, waits for the daemon, and writes (:mod:`.runner`)
`[rtmidi]`     rtmidi's own threads, whenever a MIDI message comes (:mod:`punchin_bridge.surfaces.midi.ports`)
`[oscquery]`   HTTP for surfaces (:mod:`punchin_bridge.surfaces.osc.query`); `[packs]` and `[pull]` wait for the
               server's own program (:mod:`punchin_bridge.packs`)
`[page]`       HTTP for the page (:mod:`punchin_bridge.page`), and `[page job]` what it has read and written for it
`[host tick]`  the timer of a host's main thread: all of `plugin_host` that runs within a DAW
"""
