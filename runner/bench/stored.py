"""``python -m runner.bench.stored [RUNS]``: what the commands over all stored runs take when there are ten thousand.

Each command is a process of its own, as a user starts it. The first index reads every result; what follows reads the
summaries that it left.
"""

import sys
import tempfile
from pathlib import Path

from runner.arena.private_root import SOURCE
from runner.bench.stand import on_what, run

RUNS = 10_000
SAMPLE = SOURCE / "results" / "baseline" / "exp13.json"
COMMANDS = (
    ("index, for the first time", ("report", "--index")),
    ("index", ("report", "--index")),
    ("list", ("list",)),
    ("compare of the last two", ("compare", "-2", "-1")),
    ("compare of three of the newest with one", ("compare", "-9", "exp13", "--last", "3")),
)


def main() -> int:
    """Store the runs, measure, print Markdown."""
    runs = int(sys.argv[1]) if len(sys.argv) > 1 else RUNS
    if not SAMPLE.is_file():
        sys.stderr.write(f"{SAMPLE} is not there: this measures on the baseline of a source checkout\n")
        return 4
    out = [
        f"### Commands over {runs} stored runs, {on_what()}",
        "",
        "| command | processor time | wall time |",
        "|---|---|---|",
    ]
    with tempfile.TemporaryDirectory() as directory:
        results = Path(directory)
        text = SAMPLE.read_bytes()
        for number in range(runs):
            stored = results / "exp13" / f"20261101T{number:06d}Z-abcdef"
            stored.mkdir(parents=True)
            (stored / "result.json").write_bytes(text)
        for name, words in COMMANDS:
            cost = run((sys.executable, "-m", "runner", *words, "--results", str(results)))
            out.append(f"| {name} | {cost.cpu_s:.2f} s | {cost.wall_s:.2f} s |")
    sys.stdout.write("\n".join([*out, "", ""]))
    return 0


if __name__ == "__main__":
    sys.exit(main())
