"""Model packs, which the server alone knows: its own program is asked, in a process, and nothing of it is loaded here.
Where a remote is used, its packs are meant: our own command line then passes the same words on to its daemon.

====================  ===========================================================================
:mod:`.program`       the program that is asked
:mod:`.listing`       which packs are installed, and which can be fetched
:mod:`.plans`         what a pull would fetch, and what must be accepted first
:mod:`.pulls`         a pull, one at a time, whoever asks for it
:mod:`.question`      asks any of this on a thread, for a loop that waits for nothing
====================  ===========================================================================

Surfaces (OSC), hosts (DAWs) and the page show what is found here, each in its words.
"""
