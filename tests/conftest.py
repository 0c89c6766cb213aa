"""Settings for every tier."""

import hypothesis

# A busy machine is no failure; pytest's own timeout catches what hangs.
hypothesis.settings.register_profile("patient", deadline=None)
hypothesis.settings.load_profile("patient")
