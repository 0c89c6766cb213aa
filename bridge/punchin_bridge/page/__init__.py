"""The page: takes are chosen by ear in a browser, of a DAW's jobs and of songs that are dropped on it.

====================  ===========================================================================
:mod:`.edge`          the bridge's side of it: wakes the server, leaves it a picture, does what it asks
:mod:`.picture`       the jobs of all hosts as the page shows them
:mod:`.calls`         from the page's threads to the bridge's loop and back
:mod:`.server`        HTTP for the browser, on a thread of its own
:mod:`.told`          what it says, as JSON
:mod:`.guard`         who may ask, and what a browser may do with the answers
:mod:`.keys`          the key of `punchin open`, addresses that open once, tokens
:mod:`.acts`          what the page may ask for, as structs that check themselves
:mod:`.doing`         what becomes of it
:mod:`.uploads`       files that come in pieces
:mod:`.songs`         songs that are open on the page, each a host like a DAW's project
:mod:`.material`      what takes of a song follow: its tempo, chords, drums, piano
:mod:`.groups`        what is heard against each other: the takes of one region
:mod:`.notebook`      what is written down about takes
:mod:`.listening`     their audio, as loud as each other
:mod:`.peaks`         a song's shape, of any length
:mod:`.opening`       `punchin open`, from the outside
:mod:`.board`         the takes that can be dragged elsewhere; :mod:`.shelf`: the window that they are dragged from
====================  ===========================================================================

For a musician without a DAW the page is a host: it says the same documents (:mod:`punchin_bridge.hosts.protocol`) to
the same sessions. `static/` is what the browser loads. Threads: `[loop]` as in :mod:`punchin_bridge.hosts`; `[page]` is
the server's asyncio loop, and `[page job]` a thread that it lets read audio.
"""
