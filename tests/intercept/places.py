"""Runs the differential suite in gVisor sandboxes of several builds."""

import json
import subprocess
import sys
from pathlib import Path
from typing import Any

import trio

from runner.arena.gvisor import sandbox_command
from runner.arena.private_root import paths_of_this_program, run_to_its_end
from runner.runs import sandbox_directory
from runner.supply.gvisors import gvisor, gvisor_named

SCRIPT = Path(__file__).parent / "differential.py"
# The two ends of the range: the newest pin, and Debian's package, which has neither process_vm_readv nor openat2.
GVISORS = ("2026-09", "2022-12")


def in_gvisor(name: str, programs: Path, *subjects: str) -> dict[str, Any]:
    """The suite's document from inside a sandbox; ``subjects`` names programs, all if none is named.

    ``without-proot`` among them leaves PRoot out.
    """
    build = trio.run(gvisor_named, name)
    runsc = trio.run(gvisor, build, lambda text, _fraction: sys.stderr.write(f"{text}\n"))
    sandbox = sandbox_command(
        runsc=runsc.path,
        platform=build.platforms[0],
        network=build.network,
        layer=None,
        work=sandbox_directory(),
        inside=(sys.executable, str(SCRIPT), "--here", str(programs), *subjects),
        shown=(*paths_of_this_program(), programs),
    )
    done = run_to_its_end(sandbox.argv, sandbox.env, timeout_s=None)
    said = f"{done.stdout[-400:]}{done.stderr[-400:]}"
    assert done.returncode == 0, f"the suite in gVisor {name} ended with {done.returncode}: {said}"
    document: dict[str, Any] = json.loads(done.stdout)
    return document


def everywhere(programs: Path, root: Path) -> dict[str, dict[str, Any]]:
    """Place -> its document: this host and every gVisor."""
    done = subprocess.run(
        [sys.executable, str(SCRIPT), "--here", str(programs)], cwd=root, check=True, stdout=subprocess.PIPE, text=True
    )
    documents: dict[str, dict[str, Any]] = {"host": json.loads(done.stdout)}
    for name in GVISORS:
        documents[f"gVisor {name}"] = in_gvisor(name, programs)
    return documents
