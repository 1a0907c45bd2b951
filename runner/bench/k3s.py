"""``python -m runner.bench.k3s [ROUNDS]``: what the mechanisms cost real k3s on its way up, and the tracer while k3s idles.

Experiment 13 under each mechanism in turn, in interleaved rounds, then experiment 34, whose node becomes Ready and stays so,
under ``seccomp``. Times are of the runs' own milestones, counted from k3s's start. k3s asks its own API server every two
seconds whether it is ready before it starts the kubelet, so what comes after the hooks moves in steps of two seconds: a
mechanism that is a little slower is either as fast, or slower by a whole step. Hence the milestones before are shown too.
"""

import json
import shutil
import sys
import tempfile
from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path
from statistics import median
from typing import Any

from runner.bench.stand import on_what, run

ROUNDS = 5
MECHANISMS = ("mount", "seccomp", "syscall")
MILESTONES = ("apiserver-serving", "poststart-hooks-done", "node-registered")
IDLE_S = 10.0


def main() -> int:
    """Run, measure, print Markdown."""
    rounds = int(sys.argv[1]) if len(sys.argv) > 1 else ROUNDS
    if shutil.which("k3s") is None:
        sys.stderr.write("k3s is not on PATH: this measures what the mechanisms cost real k3s\n")
        return 4
    with tempfile.TemporaryDirectory() as directory:
        results = Path(directory)
        found: dict[str, list[dict[str, float]]] = {mechanism: [] for mechanism in MECHANISMS}
        version = ""
        for _ in range(rounds):
            for mechanism in MECHANISMS:
                stored = _stored("exp13", mechanism, results)
                result = json.loads((stored / "result.json").read_text())
                arena = result["arena"]
                version = f"{result['workload']['version']} in gVisor {arena['runsc_version']} ({arena['platform']})"
                found[mechanism].append(_times(result))
        idle = _idle(_stored("exp34", "seccomp", results))
    sys.stdout.write(
        "\n".join([*_table(found, f"{version}, {on_what()}, {datetime.now(UTC):%Y-%m-%d}", rounds), "", idle, "", ""])
    )
    return 0


def _stored(experiment: str, mechanism: str, results: Path) -> Path:
    """The directory of one new run on k3s, whatever came out."""
    words = ("run", experiment, "--workload", "k3s", "--mechanism", mechanism, "--results", str(results))
    # That an experiment comes out otherwise than declared is not the question here.
    run((sys.executable, "-m", "runner", *words), ends=(0, 1))
    return (results / experiment / "latest").resolve()


def _times(result: dict[str, Any]) -> dict[str, float]:
    """Seconds from k3s's start to each milestone that was reached, and the interceptor's counts."""
    reached = {rung["id"]: rung["at_s"] for rung in result["milestones"] if rung["reached"]}
    began = reached["workload-started"]
    counted = result["interception"]
    times = {name: reached[name] - began for name in MILESTONES if name in reached}
    return {**times, "stops": counted["stops"], "tracer_cpu_s": counted["tracer_cpu_s"]}


def _table(found: dict[str, list[dict[str, float]]], title: str, rounds: int) -> Iterator[str]:
    yield f"### k3s {title}, medians of {rounds} interleaved rounds (all rounds)"
    yield ""
    yield "| mechanism | " + " | ".join((*MILESTONES, "stops", "tracer's processor time")) + " |"
    yield "|---" * (len(MILESTONES) + 3) + "|"
    for mechanism, rows in found.items():
        cells = []
        for name in MILESTONES:
            base = [row[name] for row in found[MECHANISMS[0]] if name in row]
            figures = [row[name] for row in rows if name in row]
            if not base or not figures:
                cells.append("not reached")
                continue
            every = ", ".join(f"{figure:.1f}" for figure in figures)
            cells.append(f"{median(figures):.2f} s ({median(figures) / median(base):.2f}): {every}")
        cells.append(f"{median(row['stops'] for row in rows):.0f}")
        cells.append(f"{median(row['tracer_cpu_s'] for row in rows):.2f} s")
        yield f"| `{mechanism}` | " + " | ".join(cells) + " |"


def _idle(stored: Path) -> str:
    """The tracer's share of a processor over the last seconds before the run ended."""
    counts = []
    end = 0.0
    for line in (stored / "events.jsonl").read_text().splitlines():
        event = json.loads(line)
        if event["type"] == "InterceptionCounted":
            counts.append((event["at_s"], event["tracer_cpu_s"], sum(event["stops"].values())))
        elif event["type"] == "RunFinished":
            end = event["at_s"]
    # Not the last count: it holds what the end of the run itself has cost.
    window = [count for count in counts[:-1] if count[0] >= end - IDLE_S - 1]
    (begun, cpu, stops), (ended, more_cpu, more_stops) = window[0], window[-1]
    return (
        f"While k3s idles (experiment 34, `seccomp`, {ended - begun:.0f} s with the node Ready): "
        f"{100 * (more_cpu - cpu) / (ended - begun):.2f} % of a processor, {(more_stops - stops) / (ended - begun):.0f} stops a second."
    )


if __name__ == "__main__":
    sys.exit(main())
