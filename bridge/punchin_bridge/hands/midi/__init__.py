"""MIDI controllers: what they send (:mod:`.signals`), what it means (:mod:`.mapping`, :mod:`.pickup`), the clocks they
bring (:mod:`.clock`), chords played live (:mod:`.chords`), the ports (:mod:`.ports`), a page for
Mackie Control (:mod:`.mackie`, :mod:`.mackie_page`), and the edge that puts these
together (:mod:`.edge`)."""
