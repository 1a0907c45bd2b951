"""Runs the command line as a user does, and looks at the machine before and after."""

import json
import os
import subprocess
import sys
from pathlib import Path
from typing import Any

import trio

from runner.arena.gvisor import sandbox_command
from runner.arena.private_root import paths_of_this_program, run_to_its_end
from runner.runs import sandbox_directory
from runner.supply.layer import layer
from runner.supply.runsc import find_runsc

ROOT = Path(__file__).parents[2]
RUNNER = [sys.executable, "-m", "runner"]


def environment(**changes: str) -> dict[str, str]:
    """The test's environment with changes; the checkout is importable wherever the command runs."""
    return {**os.environ, "PYTHONPATH": str(ROOT), **changes}


def runner(*words: str, timeout_s: float = 240, **changes: str) -> "subprocess.CompletedProcess[str]":
    """``python -m runner WORDS``, to its end."""
    return subprocess.run(
        [*RUNNER, *words],
        capture_output=True,
        text=True,
        check=False,
        timeout=timeout_s,
        env=environment(**changes),
        cwd=ROOT,
    )


def in_sandbox(script: str, timeout_s: float = 60) -> "subprocess.CompletedProcess[str]":
    """A shell script in a gVisor sandbox such as a run has: its exit code and what it printed."""

    def silent(_text: str, _fraction: float | None) -> None:
        pass

    sandbox = sandbox_command(
        runsc=trio.run(find_runsc, silent).path,
        platform="",
        layer=trio.run(layer, silent).path,
        work=sandbox_directory(),
        inside=("sh", "-c", script),
        shown=paths_of_this_program(),
    )
    return run_to_its_end(sandbox.argv, sandbox.env, timeout_s=timeout_s)


def run_standin(results: Path, *words: str) -> tuple[int, dict[str, Any]]:
    """Experiment 13 on the stand-in: exit code and result document."""
    done = runner("run", "exp13", "--workload", "standin", "--results", str(results), "--json", *words)
    assert done.stdout, done.stderr
    (result,) = json.loads(done.stdout)
    return done.returncode, result


def fatal(result: dict[str, Any]) -> list[str]:
    """Fatal blockers that were seen."""
    return [blocker["id"] for blocker in result["blockers"] if blocker["fatal"] and blocker["count"]]


def reached(result: dict[str, Any]) -> list[str]:
    """Milestones that were reached."""
    return [rung["id"] for rung in result["milestones"] if rung["reached"]]


def traces() -> dict[str, list[str]]:
    """What a run could leave in the machine's own namespaces: mounts, network devices, cgroups, sysctls."""
    sysctls = ("kernel/hostname", "kernel/panic", "kernel/panic_on_oops", "vm/overcommit_memory", "vm/panic_on_oom")
    return {
        "cgroups": sorted(str(path) for path in Path("/sys/fs/cgroup").glob("**/k3s-in-gvisor-*")),
        "sysctls": [Path("/proc/sys", name).read_text() for name in sysctls],
        "mounts": sorted(Path("/proc/self/mounts").read_text().splitlines()),
        "devices": sorted(path.name for path in Path("/sys/class/net").iterdir()),
    }


def family(pid: int) -> dict[tuple[int, str], str]:
    """A process's descendants: (pid, start time) -> command line. The start time tells a pid from its later namesake."""
    parents: dict[int, tuple[int, str]] = {}
    for entry in Path("/proc").iterdir():
        if entry.name.isdecimal():
            try:
                fields = (entry / "stat").read_text().rpartition(")")[2].split()
            except OSError:
                continue
            parents[int(entry.name)] = (int(fields[1]), fields[19])
    found: dict[tuple[int, str], str] = {}
    for child in parents:
        above = child
        while above in parents and above != pid:
            above = parents[above][0]
        if above == pid and child != pid:
            try:
                words = Path(f"/proc/{child}/cmdline").read_bytes().replace(b"\0", b" ").decode(errors="replace")
            except OSError:
                continue
            found[child, parents[child][1]] = words
    return found


def alive(members: dict[tuple[int, str], str]) -> list[str]:
    """Those of a family that still run."""
    found = []
    for (pid, started), words in members.items():
        try:
            fields = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
        except OSError:
            continue
        if fields[19] == started and fields[0] != "Z":
            found.append(f"{pid} {words[:100]}")
    return found
