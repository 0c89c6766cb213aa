"""Engines: generators that know requests and events, not sockets, queues or job ids.

Read in this order, which is the order in which a request runs through them; `docs/engine.md` says why it is so.

======================================  ========================================================================
:mod:`.events`, :mod:`.spans`           what every engine yields, and how stretches of time are cut
:mod:`.tries`                           what happens to takes that come out silent
:mod:`.inpaint.engine`                  from a request to takes: start here
:mod:`.inpaint.scene`                   the part of the song that the request is about
:mod:`.inpaint.windows`                 which windows fill its holes, and in which steps
:mod:`.inpaint.conditions`              what chords, drums and piano sound like as a condition
:mod:`.inpaint.decode`                  one window: prefill, then step after step
:mod:`.inpaint.sampling`                one token from logits
:mod:`..models.musicgen.musicgen`       the language model, then :mod:`..models.musicgen.airgen`, its adapters,
                                        and :mod:`..models.musicgen.cache`, its keys and values
:mod:`.transfer.engine`                 from a clip to takes: start here
:mod:`.transfer.canvas`                 where the clip lies, and under which windows
:mod:`.transfer.denoise`                guidance and solvers, all windows together
:mod:`..models.audioldm2`               the UNet that reads its prompt once, the adapter, AudioMAE, the text path
:mod:`.inpaint.loading`                 from the name of a pack to loaded models; :mod:`.transfer.loading` as well
======================================  ========================================================================
"""
