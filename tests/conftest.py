"""Shared by all tests."""

import sys
from pathlib import Path

from hypothesis import HealthCheck, settings

# Helpers for scripts and real processes live beside the tests that use them.
HERE = Path(__file__).parent
sys.path[:0] = [str(Path(__file__).parent), str(Path(__file__).parent / "core")]

# A machine that does other work as well is slow now and then; that is no defect of what is tested.
settings.register_profile("patient", deadline=None, suppress_health_check=[HealthCheck.too_slow])
settings.load_profile("patient")
