"""MIDI controllers: what they send (:mod:`.signals`), what it means (:mod:`.mapping`, :mod:`.pickup`) and how that is
learned (:mod:`.learning`), the clocks they bring (:mod:`.clock`), what their lamps show (:mod:`.lights`), a page for a
Mackie Control (:mod:`.mackie`, :mod:`.mackie_page`), the ports (:mod:`.ports`), and the edge that puts these together
(:mod:`.edge`)."""
