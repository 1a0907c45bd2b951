"""``python -m runner.bench [ROUNDS] [PLACE]...``: one table for each place; the host and gVisor if none is named.

``gvisor-unpatched`` is gVisor without the one thing that it does for untraced programs alone: it rewrites a place that
makes a system call, at its first call, into a jump, which saves the trap. A tracee's places stay as they are
(``PatchSyscall`` in gVisor's pkg/sentry/platform/systrap/usertrap), so there its calls can be compared with equals.

Prints Markdown on stdout, for the docs; what was measured on, and when, stands above each table. Needs gcc; strace and proot
take part where they are installed.
"""

import json
import os
import shutil
import subprocess
import sys
from collections.abc import Mapping, Sequence
from datetime import UTC, datetime
from importlib.resources import as_file, files
from typing import Any

import trio

from runner.arena.gvisor import sandbox_command
from runner.arena.private_root import paths_of_this_program, refused_because, run_to_its_end
from runner.runs import sandbox_directory
from runner.supply.cache import Cache
from runner.supply.runsc import find_runsc

ROUNDS = 5
HOST = "host"
# Each gVisor, and what its runsc is told.
GVISORS = {"gvisor": (), "gvisor-unpatched": ("--systrap-disable-syscall-patching",)}


def main(words: list[str]) -> int:
    """Compile, measure, print; the exit code."""
    rounds = next((int(word) for word in words if word.isdigit()), ROUNDS)
    places = [word for word in words if not word.isdigit()] or [HOST, "gvisor"]
    if unknown := set(places) - {HOST, *GVISORS}:
        sys.stderr.write(f"no such place: {', '.join(sorted(unknown))}; there are {', '.join((HOST, *GVISORS))}\n")
        return 64
    if shutil.which("gcc") is None:
        sys.stderr.write("gcc is not installed; the benchmark's program is compiled with it: apt-get install gcc\n")
        return 4
    work = Cache.of_user().root / "bench"
    work.mkdir(parents=True, exist_ok=True)
    micro = work / "micro"
    with as_file(files("runner.bench") / "micro.c") as source:
        subprocess.run(["gcc", "-O2", "-static", "-o", str(micro), str(source)], check=True)
    inside = (sys.executable, "-m", "runner.bench.measure", str(micro), str(rounds))
    if HOST in places:
        _table("Linux host", json.loads(_output(inside, os.environ)))
    sandboxes = [place for place in places if place != HOST]
    if not sandboxes:
        return 0
    reason = refused_because()
    if reason:
        sys.stderr.write(f"no figures in gVisor: {reason}\n")
        return 4
    runsc = trio.run(find_runsc, _say)
    for place in sandboxes:
        sandbox = sandbox_command(
            runsc=runsc.path,
            platform="",
            layer=None,
            work=sandbox_directory(),
            inside=inside,
            shown=(*paths_of_this_program(), micro),
            options=GVISORS[place],
        )
        title = " ".join(("gVisor", runsc.version, *GVISORS[place]))
        _table(title, json.loads(_output(sandbox.argv, sandbox.env)))
    return 0


def _say(text: str, _fraction: float | None) -> None:
    sys.stderr.write(f"{text}\n")


def _output(argv: Sequence[str], env: Mapping[str, str]) -> str:
    done = run_to_its_end(argv, env, timeout_s=None)
    if done.returncode != 0:
        raise SystemExit(f"{argv[0]} ended with {done.returncode}: {done.stderr.strip()[-400:]}")
    return done.stdout


def _table(title: str, found: dict[str, Any]) -> None:
    names: list[str] = []
    for row in found["median_ns"].values():
        names += [name for name in row if name not in names]
    day = f"{datetime.now(UTC):%Y-%m-%d}"
    on = f"kernel {found['kernel']}, {found['cpus']} processors, {day}, medians of {found['rounds']} interleaved rounds"
    out = [f"### {title}: {on}"]
    out += ["", "| case | " + " | ".join(names) + " |", "|---|" + "---|" * len(names)]
    for case, row in found["median_ns"].items():
        base = row["untraced"]
        cells = [
            f"{_time(row[name])} ({row[name] / base:.2f})" if name in row else "does not redirect" for name in names
        ]
        out.append(f"| {case} | " + " | ".join(cells) + " |")
    sys.stdout.write("\n".join([*out, "", ""]))
    sys.stdout.flush()


def _time(ns: float) -> str:
    for unit, size in (("s", 1e9), ("ms", 1e6)):
        if ns >= size:
            return f"{ns / size:.2f} {unit}"
    return f"{ns / 1e3:.2f} µs"


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
