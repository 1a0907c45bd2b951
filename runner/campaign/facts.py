"""Facts of the arenas of a matrix, one set a build and platform, found once and kept beside the cells."""

import json
import subprocess
import sys
from pathlib import Path

from runner import atomic
from runner.arena.private_root import run_to_its_end
from runner.core.cell import Cell
from runner.host.probes import KERNEL, PROBES
from runner.log import log
from runner.runs import Ground, in_arena

DIRECTORY = "facts"
PROBES_WITHIN_S = 120


Facts = dict[tuple[str, str], dict[str, str]]
"""By the build's version and the platform: name -> what was found."""


def facts_of(results: Path) -> Facts:
    """All that were found; a file that is none is passed over."""
    found = {}
    for path in sorted((results / DIRECTORY).glob("*.json")):
        try:
            document = json.loads(path.read_text(encoding="utf-8"))
            place = str(document["runsc"]), str(document["platform"])
            found[place] = {str(name): str(value) for name, value in document["facts"].items()}
        except (OSError, ValueError, KeyError, TypeError, AttributeError) as error:
            log().warning("facts.unreadable", path=str(path), error=str(error))
    return found


def find_facts(results: Path, cell: Cell, ground: Ground) -> None:
    """Probe a gVisor arena, unless that was done before with all of today's probes.

    No other arena, since probes leave devices and rules behind.

    What cannot be probed is not kept: the cells say by themselves that their sandbox does not start.
    """
    if ground.kind != "gvisor":
        return
    known = facts_of(results).get((cell.runsc, cell.platform), {})
    if all(name in known for name in (KERNEL, *(one.name for one in PROBES))):
        return
    path = results / DIRECTORY / f"{cell.runsc.replace('/', '-')}-{cell.platform}.json"
    inside = in_arena((sys.executable, "-m", "runner.host.probes"), ground)
    try:
        done = run_to_its_end(inside.argv, inside.env, timeout_s=PROBES_WITHIN_S)
        done.check_returncode()
        facts = json.loads(done.stdout)
        text = json.dumps({"runsc": cell.runsc, "platform": cell.platform, "facts": facts}, indent=1)
        atomic.write_text(path, text + "\n")
    except (OSError, ValueError, subprocess.SubprocessError) as error:
        log().warning("facts.failed", runsc=cell.runsc, error=str(error))
