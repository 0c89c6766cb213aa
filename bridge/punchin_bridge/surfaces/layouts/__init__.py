"""Ready-made layouts for tablets: what is on them (:mod:`.panel`), as :mod:`.touchosc` and :mod:`.open_stage_control`
read it. All of it comes from the tables of parameters and actions, so it has what this version of Punchin can do."""
