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
_BIG_MIB = 256


@attrs.frozen(kw_only=True)
class Tool:
    """One way to run a program.

    Attributes:
        name: As the table prints it.
        wrap: Puts the tool in front of a command line.
        redirects: Whether the view is true under it.
        slow: Whether calls of no interest stop, too. Such a tool takes part once a round: noise is little beside what it costs.
    """

    name: str
    wrap: Wrap
    redirects: bool
    slow: bool = False


@attrs.frozen(kw_only=True)
class Batch:
    """What one start of the micro program measures.

    Attributes:
        names: Of its cases, as the table prints them, in the order of its figures.
        argv: Arguments of the micro program.
        hit: Whether it opens a path of the view.
        times: How often in a round: what is short is at the mercy of what a sandbox does at that moment. Once with a slow tool.
    """

    names: tuple[str, ...]
    argv: tuple[str, ...]
    hit: bool = False
    times: int = 1


def tools(layer: str) -> tuple[Tool, ...]:
    """Those that are installed; the baseline first."""

    def ours(mechanism: str) -> Tool:
        def wrap(argv: list[str]) -> list[str]:
            return [sys.executable, "-m", "runner.bench.traced", mechanism, *argv]

        return Tool(name=mechanism, wrap=wrap, redirects=True, slow=mechanism == "syscall")

    found = [Tool(name="untraced", wrap=lambda argv: argv, redirects=False)]
    found += [ours(mechanism) for mechanism in ("mount", "seccomp", "syscall")]
    if strace := shutil.which("strace"):
        # The calls that name a path, as the view needs them too; what it sees is written to nowhere.
        words = [strace, "-f", "-qq", "-e", "trace=%file", "-o", "/dev/null"]
        bpf = [*words, "--seccomp-bpf"]
        found.append(Tool(name="strace -f", wrap=lambda argv: [*words, *argv], redirects=False, slow=True))
        found.append(Tool(name="strace --seccomp-bpf", wrap=lambda argv: [*bpf, *argv], redirects=False))
    if proot := shutil.which("proot"):
        bind = [proot, "-b", f"{layer}{HIT}:{HIT}"]
        found.append(Tool(name="proot -b", wrap=lambda argv: [*bind, *argv], redirects=True, slow=True))
    return tuple(found)


def batches(micro: str, scratch: Path) -> tuple[Batch, ...]:
    """What is measured; the Go build only where there is Go."""
    shell = "i=0; while [ $i -lt 60 ]; do /bin/true; i=$((i+1)); done"
    # By dd's own clock: its start is a dozen files, and not what this is about.
    dd = (
        "LC_ALL=C dd if=/dev/zero of=/dev/null bs=64k count=40000 2>&1 | sed -n 's/.* copied, \\([^ ]*\\) s,.*/\\1e9/p'"
    )
    big = scratch / "big"
    with big.open("wb") as file:
        for _ in range(_BIG_MIB):
            file.write(os.urandom(1 << 20))
    # The names that are absent are others each time: what the tracer remembers is no help there.
    settle = ("settle", "1000", "-")
    missing = (*settle, "getppid", "300", "-", "open", "300", "/etc/passwd", "absent", "300", "/etc/absent")
    names = (
        "a call of no interest (getppid)",
        "open and close, not in the view",
        "open of another absent name each time",
    )
    found = [
        Batch(names=names, argv=missing, times=3),
        Batch(names=("open and close, in the view",), argv=(*settle, "open", "300", HIT), hit=True, times=3),
        Batch(names=("shell loop, 60 forks",), argv=("timed", "sh", "-c", shell)),
        # Calls of no interest and nothing else: reads and writes. Tried and dropped: a MiB at a time, which takes gVisor as
        # long as its threads spin before they sleep.
        Batch(names=("dd, 40,000 times 64 KiB",), argv=("then", "sh", "-c", dd), times=3),
        # A workload of such calls, which does something with what it reads: 32 KiB at a time.
        Batch(names=(f"sha256sum of {_BIG_MIB} MiB",), argv=("timed", "sha256sum", str(big)), times=3),
    ]
    go = shutil.which("go") or "/usr/local/go/bin/go"
    if Path(go).exists():
        module = scratch / "module"
        module.mkdir()
        (module / "go.mod").write_text("module bench\n\ngo 1.21\n")
        (module / "main.go").write_text('package main\n\nimport "fmt"\n\nfunc main() { fmt.Println("built") }\n')
        # Beside the micro program, so that a sandbox finds what the host has compiled.
        gocache = Path(micro).parent / "gocache"
        os.environ.update(GOCACHE=str(gocache), GOFLAGS="-mod=mod", GOTOOLCHAIN="local", HOME=str(scratch))
        build = (go, "-C", str(module), "build", "-o", str(scratch / "built"), ".")
        # Once before the clock, so that the standard library's packages are in the build cache; each round then looks
        # them all up, compiles nothing and links once.
        subprocess.run(build, check=True, capture_output=True)
        found.append(Batch(names=("go build, dependencies cached",), argv=("timed", *build)))
    return tuple(found)


def measure(micro: str, rounds: int) -> dict[str, object]:
    """Every figure in nanoseconds, by case and tool, and what they were measured on."""
    with tempfile.TemporaryDirectory(dir="/dev/shm") as directory:
        scratch = Path(directory)
        layer = str(scratch / "layer")
        materialise(VIEW, layer)
        figures: dict[str, dict[str, list[float]]] = {}
        chosen = batches(micro, scratch)
        found = tools(layer)
        for number in range(rounds):
            # Each round begins with another tool: what one leaves behind (caches, a busy sandbox) falls on all alike.
            first = number % len(found)
            order = (*found[first:], *found[:first])
            again = tuple(tool for tool in order if not tool.slow)
            for batch in chosen:
                for tool in order + again * (batch.times - 1):
                    if batch.hit and not tool.redirects and tool.name != "untraced":
                        continue
                    argv = [*batch.argv]
                    if batch.hit and tool.name == "untraced":
                        argv[-1] = layer + HIT
                    for name, figure in zip(batch.names, _run(tool.wrap([micro, *argv])), strict=True):
                        figures.setdefault(name, {}).setdefault(tool.name, []).append(figure)
    return {
        "kernel": platform.release(),
        "cpus": os.cpu_count(),
        "rounds": rounds,
        "median_ns": {case: {tool: median(values) for tool, values in row.items()} for case, row in figures.items()},
    }


def _run(argv: list[str]) -> list[float]:
    done = subprocess.run(argv, capture_output=True, text=True, check=False)
    if done.returncode != 0 or not done.stdout.strip():
        raise RuntimeError(f"{' '.join(argv)} failed ({done.returncode}): {done.stderr.strip()[-400:]}")
    return [float(word) for word in done.stdout.split()]


if __name__ == "__main__":
    sys.stdout.write(json.dumps(measure(sys.argv[1], int(sys.argv[2]))) + "\n")
