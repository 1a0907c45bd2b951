"""Runs one program under one of our mechanisms, as a benchmark wants it: ``python -m runner.bench.traced MECHANISM ARGV...``.

The view is the one that the cases use: a made-up file below /proc/sys. Events are read and thrown away.
"""

import os
import subprocess
import sys
import tempfile
from pathlib import Path

from runner.intercept.mount_plan import mount_plan
from runner.intercept.mounts import apply_mounts, enter_private_namespace, look, undo
from runner.intercept.plan import LaunchPlan, to_json
from runner.intercept.view_layer import materialise
from runner.model.view import View, ViewFile, ViewTree

HIT = "/proc/sys/kernel/panic_on_oops"
VIEW = View(
    trees=(ViewTree(prefix="/proc/sys", part="bench"),),
    files=(ViewFile(path=HIT, content="1\n", reason="what the cases open", part="bench"),),
)


def main(mechanism: str, argv: list[str]) -> int:
    """Run it; its exit code."""
    with tempfile.TemporaryDirectory(dir="/dev/shm") as scratch:
        layer = str(Path(scratch) / "layer")
        plan = LaunchPlan(mechanism=mechanism, argv=tuple(argv), env=dict(os.environ), view=VIEW, layer=layer)  # type: ignore[arg-type]
        if mechanism != "mount":
            materialise(VIEW, layer)
            return _launch(plan)
        enter_private_namespace()
        Path(layer).mkdir()
        applied = apply_mounts(mount_plan(VIEW, look(VIEW, layer), layer))
        try:
            return _launch(plan)
        finally:
            # Before the directory goes: it holds the real /proc/sys, bound.
            if failed := undo(applied):
                sys.stderr.write(f"still mounted: {failed}\n")
                os._exit(1)


def _launch(plan: LaunchPlan) -> int:
    plan_read, plan_write = os.pipe()
    events_read, events_write = os.pipe()
    command = [sys.executable, "-m", "runner.intercept", "--plan-fd", str(plan_read), "--events-fd", str(events_write)]
    process = subprocess.Popen(command, pass_fds=(plan_read, events_write))
    os.close(plan_read)
    os.close(events_write)
    with os.fdopen(plan_write, "w") as file:
        file.write(to_json(plan))
    with os.fdopen(events_read, "rb") as events:
        last = b""
        for line in events:
            last = line if b'"exited"' in line else last
    process.wait()
    if b'"code":0' not in last.replace(b" ", b""):
        sys.stderr.write(f"the program did not end well: {last.decode()}\n")
        return 1
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1], sys.argv[2:]))
