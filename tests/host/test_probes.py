"""Probes are for a sandbox that is thrown away."""

import os
import subprocess
import sys
from pathlib import Path

ROOT = Path(__file__).parents[2]
DEVICES = Path("/sys/class/net")


def test_probes_refuse_a_machine_and_leave_no_device_on_it() -> None:
    before = set(DEVICES.iterdir())
    done = subprocess.run(
        [sys.executable, "-m", "runner.host.probes"],
        capture_output=True,
        text=True,
        env={**os.environ, "PYTHONPATH": str(ROOT)},
        check=False,
    )
    assert (done.returncode, done.stdout) == (1, "")
    assert "thrown away" in done.stderr
    assert set(DEVICES.iterdir()) == before
