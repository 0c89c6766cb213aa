"""The papers' measures on any pack: `punchin eval inpaint|transfer`.

=====================  ============================================================================
:mod:`.excerpts`       what is measured on: our own held-out songs, or a folder of stems
:mod:`.masks`          where the holes are
:mod:`.recogniser`     which chords sound, by a recogniser that our renderer has no part in
:mod:`.recorded`       the same by one that learned from recordings, where it is installed
:mod:`.listening`      what a take is like: chords, chroma, onsets, drums, seams
:mod:`.separation`     drums out of a mix: by Demucs if it is installed, else by oracle masks
:mod:`.embeddings`     sounds as points, for FAD and CLAP: LAION's if it is on disk, else a stand-in
:mod:`.systems`        what fills the holes: the pack under each control, and the bounds beside it
:mod:`.inpaint`        the table of all that
:mod:`.transfer`       fidelity and transferability over the parameters, SDEdit, the paper's first experiments
:mod:`.transfer_rows`  what of that is varied
:mod:`.transfer_ears`  what a transfer is like: notes, tempo, the target, chroma
:mod:`.transfer_report`  its report and plot
:mod:`.fused`          the paper's other design of attention
:mod:`.table`          figures with their intervals as Markdown, JSON and plots
=====================  ============================================================================
"""
