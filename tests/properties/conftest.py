"""How far the properties search.

`check` repeats the same bounded search every time, so that it takes seconds and never surprises;
`HYPOTHESIS_PROFILE=search` looks for something new, for as long as a person likes to wait.
"""

from __future__ import annotations

import os

from hypothesis import HealthCheck, settings

# No deadline: the machine may be busy with a broker, and the oracle is slow on purpose.
settings.register_profile(
    "check", max_examples=60, derandomize=True, deadline=None, database=None, print_blob=True
)
settings.register_profile(
    "search",
    max_examples=3000,
    deadline=None,
    database=None,
    print_blob=True,
    suppress_health_check=[HealthCheck.too_slow],
)
settings.load_profile(os.environ.get("HYPOTHESIS_PROFILE", "check"))
