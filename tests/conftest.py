"""Shared by all tests."""

import sys
from pathlib import Path

# Helpers for scripts and real processes live beside the tests that use them.
HERE = Path(__file__).parent
sys.path[:0] = [str(Path(__file__).parent), str(Path(__file__).parent / "core")]
