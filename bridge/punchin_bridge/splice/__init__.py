"""The splice: a take laid into a song, in a hole and nowhere else. Pure, all of it; docs/splice.md says why so.

:mod:`.lay` is the way in. It puts the take on the song's time line (:mod:`.place`), matches its :mod:`.level`, adds a
:mod:`.highband` where one is wanted, gives it the song's :mod:`.width`, and joins it (:mod:`.seam`), which is then
measured. :mod:`.spans` are holes and what lies beside them. :mod:`.separate` takes an accompaniment out of what the
model made of both.
"""
