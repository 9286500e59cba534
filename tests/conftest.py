"""Profiles for property tests: the same cases in every run by default, many fresh ones in `make soak`."""

import os

from hypothesis import HealthCheck, settings

# No deadline in either: a test's verdict must not hang on how busy the machine is.
settings.register_profile("suite", derandomize=True, deadline=None, max_examples=100, suppress_health_check=[HealthCheck.too_slow])
settings.register_profile("soak", deadline=None, max_examples=5_000, suppress_health_check=[HealthCheck.too_slow])
settings.load_profile(os.environ.get("HYPOTHESIS_PROFILE", "suite"))
