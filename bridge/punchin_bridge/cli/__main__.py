"""`python -m punchin_bridge.cli`: the same as `punchin`, for whoever knows the interpreter but not its scripts."""

import sys

from .main import main

sys.exit(main())
