"""``python -m runner.bench.classify [MIB] [ROUNDS]``: ``classify`` beside ``grep -E -c`` with the same patterns on the same log.

The log is made of the recorded ones in ``tests/logs``, again and again, with a number at the end of each line, so that no
line comes twice and nothing can be remembered. Rounds are interleaved; what counts is the ratio of processor times, since other
work on the machine falls on both. grep runs with ``LC_ALL=C``, where it is fastest.
"""

import gzip
import os
import re
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from statistics import median

import attrs

from runner.arena.private_root import SOURCE
from runner.bench.stand import Cost, on_what, run
from runner.core.blocker_rules import ROWS
from runner.core.blockers import RULES, UNCLASSIFIED, Matcher
from runner.recorded.classify import classify_log
from runner.supply.cache import Cache

MIB = 1024
ROUNDS = 3
MORE_RULES = 10
LOGS = SOURCE / "tests" / "logs"


def main() -> int:
    """Make the log, measure, print Markdown."""
    if sys.argv[1:2] == ["--once"]:
        _once(sys.argv[2], int(sys.argv[3]))
        return 0
    mib = int(sys.argv[1]) if len(sys.argv) > 1 else MIB
    rounds = int(sys.argv[2]) if len(sys.argv) > 2 else ROUNDS  # noqa: PLR2004  the second word
    if not LOGS.is_dir():
        sys.stderr.write(f"{LOGS} is not there: this measures on the recorded logs of a source checkout\n")
        return 4
    with _log(mib) as large, _log(max(1, mib // 8)) as small:
        patterns = large.with_suffix(".patterns")
        patterns.write_text("\n".join(as_grep_writes_it(rule.pattern) for rule in RULES.values()) + "\n")
        grep = ("grep", "-E", "-c", "-f", str(patterns), str(large))
        commands = {
            f"grep -E -c, {len(RULES)} patterns": grep,
            f"classify, {len(RULES)} rules": _classify(large, 1),
            f"classify, {len(RULES) * MORE_RULES} rules": _classify(large, MORE_RULES),
            f"classify, {len(RULES)} rules, an eighth of the log": _classify(small, 1),
        }
        costs: dict[str, list[Cost]] = {name: [] for name in commands}
        for _ in range(rounds):
            for name, argv in commands.items():
                costs[name].append(run(argv, LC_ALL="C"))
        patterns.unlink()
    base = median(cost.cpu_s for cost in next(iter(costs.values())))
    out = [f"### classify: {mib} MiB of log, {on_what()}, medians of {rounds} interleaved rounds", ""]
    out += ["| | processor time | against grep | peak memory |", "|---|---|---|---|"]
    for name, found in costs.items():
        cpu_s = median(cost.cpu_s for cost in found)
        share = f"{cpu_s / base:.2f}" if "eighth" not in name else ""
        # Told by the program itself: what the system counts for a child includes this process, which it began as a copy of.
        peak = "" if name.startswith("grep") else f"{max(int(cost.last_word) for cost in found) / 1024:.0f} MiB"
        out.append(f"| {name} | {cpu_s:.1f} s | {share} | {peak} |")
    sys.stdout.write("\n".join([*out, "", ""]))
    return 0


def as_grep_writes_it(pattern: str) -> str:
    """A rule's pattern in grep -E's words; look-arounds, which it lacks, are left out: grep has less to do."""
    plain = re.sub(r"\(\?[!=][^)]*\)", "", pattern).replace("(?:", "(")
    return plain.replace(r"\d", "[0-9]").replace(r"\S", "[^ ]")


@contextmanager
def _log(mib: int) -> Iterator[Path]:
    lines = b"".join(gzip.decompress(path.read_bytes()) for path in sorted(LOGS.glob("*.log.gz"))).splitlines()
    directory = Cache.of_user().root / "bench"
    directory.mkdir(parents=True, exist_ok=True)
    path = directory / f"large-{mib}-{os.getpid()}.log"
    try:
        with path.open("wb") as file:
            number = written = 0
            while written < mib * 2**20:
                number += 1
                written += file.write(b"".join(b"%s n=%07d\n" % (line, number) for line in lines))
        yield path
    finally:
        path.unlink(missing_ok=True)


def _classify(log: Path, copies: int) -> tuple[str, ...]:
    return (sys.executable, "-m", "runner.bench.classify", "--once", str(log), str(copies))


def _once(name: str, copies: int) -> None:
    """Classify a log with the rules and so many copies of them that never match."""
    others = tuple(
        attrs.evolve(row, id=f"{row.id}-{copy}", keys=(f"word{copy}",), pattern=f"{row.pattern} word{copy}")
        for copy in range(copies - 1)
        for row in ROWS
    )
    found = classify_log(name, Matcher((*ROWS, *others), UNCLASSIFIED).match)
    peak_kib = next(line.split()[1] for line in Path("/proc/self/status").read_text().splitlines() if "VmHWM" in line)
    sys.stdout.write(f"{found.lines} lines, {len(found.blockers)} blockers, at most\n{peak_kib}\n")


if __name__ == "__main__":
    sys.exit(main())
