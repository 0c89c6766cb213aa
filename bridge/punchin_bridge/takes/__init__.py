"""Takes: from what a musician asked for to files on disk. Read in this order; nothing imports what stands below it.

===================  ==================================================================================================
:mod:`.location`     where: seconds or bars as they were asked for, to samples of the song; reads tempo files
:mod:`.excerpt`      how much of the song around it travels, and what lies in that. Pure
:mod:`.specs`        what each take follows, in words such as `chord+drums=.5`. Pure
:mod:`.presets`      the tasks of a transfer, their sentences and values. Pure
:mod:`.request`      all of that as the daemon's request. Pure
:mod:`.recipe`       what a take carries inside, so that it can be made again; reads audio, now and then
:mod:`.report`       what a finished job reports
:mod:`.order`        a request with its audio and whatever is needed to lay its takes: what all tasks share
:mod:`.write`        one take, laid by :mod:`punchin_bridge.splice`, to its file
:mod:`.tasks`        what tasks differ in: their holes, their files, their reports
:mod:`.inpaint`      orders to fill a region anew; reads songs, stems, MIDI and chord files
:mod:`.transfer`     orders to hand a clip to another instrument or genre, or to have it accompanied; reads clips
:mod:`.render`       an order to takes on disk; the only one here that knows the daemon
:mod:`.whole`        the whole song with a finished take in it
:mod:`.sweep`        a grid of parameters; :mod:`.sweep_files`: its table and plot
===================  ==================================================================================================

The command line and the hosts come in by :mod:`.inpaint` and :mod:`.transfer` with what the musician gave, and by
:mod:`.render` with the order they got. A musician's own mistakes are errors before anything is sent.
"""
