"""Measures every case under every tool, in interleaved rounds, and prints the figures as one JSON document.

``python -m runner.bench.measure MICRO ROUNDS`` runs wherever it is started: on the host, or inside a sandbox. Rounds are
interleaved so that what else the machine does falls on all tools alike; only ratios within one run mean anything.
"""

import json
import os
import platform
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Callable
from pathlib import Path
from statistics import median

import attrs

from runner.bench.traced import HIT, VIEW
from runner.intercept.view_layer import materialise

Wrap = Callable[[list[str]], list[str]]


@attrs.frozen(kw_only=True)
class Tool:
    """One way to run a program.

    Attributes:
        name: As the table prints it.
        wrap: Puts the tool in front of a command line.
        redirects: Whether the view is true under it.
    """

    name: str
    wrap: Wrap
    redirects: bool


@attrs.frozen(kw_only=True)
class Case:
    """One thing to measure.

    Attributes:
        name: As the table prints it.
        unit: What the figure is per.
        argv: Arguments of the micro program.
        hit: Whether it opens a path of the view.
    """

    name: str
    unit: str
    argv: tuple[str, ...]
    hit: bool = False


def tools(layer: str) -> tuple[Tool, ...]:
    """Those that are installed; the baseline first."""

    def ours(mechanism: str) -> Tool:
        def wrap(argv: list[str]) -> list[str]:
            return [sys.executable, "-m", "runner.bench.traced", mechanism, *argv]

        return Tool(name=mechanism, wrap=wrap, redirects=True)

    found = [Tool(name="untraced", wrap=lambda argv: argv, redirects=False)]
    found += [ours(mechanism) for mechanism in ("mount", "seccomp", "syscall")]
    if strace := shutil.which("strace"):
        # The calls that name a path, as the view needs them too; what it sees is written to nowhere.
        words = [strace, "-f", "-qq", "-e", "trace=%file", "-o", "/dev/null"]
        bpf = [*words, "--seccomp-bpf"]
        found.append(Tool(name="strace -f", wrap=lambda argv: [*words, *argv], redirects=False))
        found.append(Tool(name="strace --seccomp-bpf", wrap=lambda argv: [*bpf, *argv], redirects=False))
    if proot := shutil.which("proot"):
        bind = [proot, "-b", f"{layer}{HIT}:{HIT}"]
        found.append(Tool(name="proot -b", wrap=lambda argv: [*bind, *argv], redirects=True))
    return tuple(found)


def cases(scratch: Path) -> tuple[Case, ...]:
    """What is measured; the Go build only where there is Go."""
    shell = "i=0; while [ $i -lt 60 ]; do /bin/true; i=$((i+1)); done"
    found = [
        Case(name="a call of no interest (getppid)", unit="call", argv=("getppid", "10000")),
        Case(name="open and close, not in the view", unit="open", argv=("open", "2000", "/etc/passwd")),
        # What the tracer remembers about names is no help here.
        Case(name="open of another absent name each time", unit="open", argv=("absent", "1000", "/etc/absent")),
        Case(name="open and close, in the view", unit="open", argv=("open", "1000", HIT), hit=True),
        Case(name="shell loop, 60 forks", unit="run", argv=("timed", "sh", "-c", shell)),
    ]
    go = shutil.which("go") or "/usr/local/go/bin/go"
    if Path(go).exists():
        module = scratch / "module"
        module.mkdir()
        (module / "go.mod").write_text("module bench\n\ngo 1.21\n")
        (module / "main.go").write_text('package main\n\nimport "fmt"\n\nfunc main() { fmt.Println("built") }\n')
        os.environ.update(GOCACHE=str(scratch / "gocache"), GOFLAGS="-mod=mod", GOTOOLCHAIN="local", HOME=str(scratch))
        build = (go, "-C", str(module), "build", "-o", str(scratch / "built"), ".")
        # Once before the clock, so that the standard library's packages are in the build cache; each round then looks
        # them all up, compiles nothing and links once.
        subprocess.run(build, check=True, capture_output=True)
        found.append(Case(name="go build, dependencies cached", unit="run", argv=("timed", *build)))
    return tuple(found)


def measure(micro: str, rounds: int) -> dict[str, object]:
    """Every figure in nanoseconds, by case and tool, and what they were measured on."""
    with tempfile.TemporaryDirectory(dir="/dev/shm") as directory:
        scratch = Path(directory)
        layer = str(scratch / "layer")
        materialise(VIEW, layer)
        figures: dict[str, dict[str, list[float]]] = {}
        units: dict[str, str] = {}
        chosen = cases(scratch)
        for _ in range(rounds):
            for case in chosen:
                for tool in tools(layer):
                    if case.hit and not tool.redirects and tool.name != "untraced":
                        continue
                    argv = [*case.argv]
                    if case.hit and tool.name == "untraced":
                        argv[-1] = layer + HIT
                    figure = _run(tool.wrap([micro, *argv]))
                    figures.setdefault(case.name, {}).setdefault(tool.name, []).append(figure)
                    units[case.name] = case.unit
    return {
        "kernel": platform.release(),
        "cpus": os.cpu_count(),
        "rounds": rounds,
        "units": units,
        "median_ns": {case: {tool: median(values) for tool, values in row.items()} for case, row in figures.items()},
    }


def _run(argv: list[str]) -> float:
    done = subprocess.run(argv, capture_output=True, text=True, check=False)
    if done.returncode != 0 or not done.stdout.strip():
        raise RuntimeError(f"{' '.join(argv)} failed ({done.returncode}): {done.stderr.strip()[-400:]}")
    return float(done.stdout.split()[-1])


if __name__ == "__main__":
    sys.stdout.write(json.dumps(measure(sys.argv[1], int(sys.argv[2]))) + "\n")
