"""Control surfaces by OSC: what they are shown (:mod:`.picture`), and the port they speak to (:mod:`.port`)."""
