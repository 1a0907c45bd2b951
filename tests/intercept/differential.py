"""The differential suite as data: which programs see the same under which mechanism, and what is not asked where, and why.

``python tests/intercept/differential.py`` runs it on this host and in two gVisors and prints the table of docs/interception.md.
``python tests/intercept/differential.py --here PROGRAMS`` runs it where it stands, with programs that were built before, and
prints one JSON document. Mounts, where the kernel does the work, are the oracle; PRoot is asked where it is installed.
"""

import difflib
import json
import os
import re
import shutil
import subprocess
import sys
import tempfile
from pathlib import Path
from typing import Any

import attrs
from building import Build
from launcher_driver import ROOT, World, make_world, run

from runner.intercept.view_layer import materialise


@attrs.frozen
class Subject:
    """A program and where in it the calls are made.

    Attributes:
        name: As the table prints it.
        program: Its file.
        contexts: Who calls: a word for the program.
        screened: Its openat is made where the program itself screens paths, which it does under one mechanism alone.
    """

    name: str
    program: str
    contexts: tuple[str, ...]
    screened: bool = False

    def mechanisms(self, asked: tuple[str, ...]) -> tuple[str, ...]:
        """Those that say something new about it."""
        return tuple(one for one in asked if one == "seccomp" or not self.screened)


SUBJECTS = (
    Subject("static C", "cases-static", ("main", "thread", "vfork")),
    Subject("dynamic C", "cases-dynamic", ("main", "thread", "vfork")),
    Subject("static Go", "gocases", ("main", "thread", "child")),
    Subject("static C, screened", "cases-static", ("main", "thread", "vfork"), screened=True),
    Subject("static Go, screened", "gocases", ("main", "thread", "child"), screened=True),
)
MECHANISMS = ("seccomp", "syscall")
HASTY = (sys.executable, str(Path(__file__).parent / "hasty_launcher.py"))


@attrs.frozen(kw_only=True)
class Waiver:
    """Cases that are not compared.

    Attributes:
        lines: Matches their lines.
        kernel: Matches the release of the kernels where that holds.
        mechanism: Matches the mechanisms that it holds for.
        reason: Why the oracle and the interceptor may differ there.
    """

    lines: str
    kernel: str = ""
    mechanism: str = ""
    reason: str


WAIVERS: tuple[Waiver, ...] = (
    Waiver(
        lines=r"^stat soft: ",
        kernel=r"^4\.4\.0$",
        reason="the oracle is wrong: through a link, the overlay of gVisor 2022 shows the owner from before the chown",
    ),
    Waiver(
        lines=r"^(openat2|statx|faccessat2) ",
        mechanism="proot",
        reason="Debian's PRoot 5.1.0 does not know these calls, and leaves them alone",
    ),
)


@attrs.frozen
class Comparison:
    """One program in one context under one mechanism, against the oracle.

    Attributes:
        cases: Lines of the oracle.
        waived: How many of these were not compared.
        differences: Lines that differ, as a diff.
    """

    subject: str
    context: str
    mechanism: str
    cases: int
    waived: int
    differences: tuple[str, ...]


def build(directory: Path) -> None:
    """Compile every subject's program into a directory."""
    compilers = Build(directory)
    for static in (True, False):
        compilers.c("cases", static=static)
    compilers.go("gocases")


def lines_under(base: Path, mechanism: str, argv: list[str], *, screened: bool = False, **options: Any) -> list[str]:
    """What a program prints in a world of its own; always the same paths, so that lines can be compared."""
    world = make_world(base)
    environment = {"TREE": str(world.tree), "OUT": str(world.out), "SINGLE": str(world.single)}
    if screened:
        environment["SCREENED"] = "1"
        options["launcher"] = HASTY
    try:
        if mechanism == "proot":
            return _under_proot(world, argv, environment)
        outcome = run(world, mechanism, argv, env=environment, **options)
    finally:
        world.remove()
    if outcome.code != 0:
        raise RuntimeError(f"{argv} under {mechanism}: {outcome}")
    return outcome.output.splitlines()


def _under_proot(world: World, argv: list[str], environment: dict[str, str]) -> list[str]:
    """PRoot binds one directory over another, so it gets a copy in which view and reality are merged."""
    materialise(world.view, str(world.layer))
    with tempfile.TemporaryDirectory(dir="/dev/shm") as merged:
        shutil.copytree(world.tree, f"{merged}/tree", symlinks=True)
        shutil.copytree(f"{world.layer}{world.tree}", f"{merged}/tree", symlinks=True, dirs_exist_ok=True)
        binds = ["-b", f"{merged}/tree:{world.tree}", "-b", f"{world.layer}{world.single}:{world.single}"]
        done = subprocess.run(
            ["proot", *binds, *argv],
            env={"PATH": os.environ["PATH"], **environment},
            stdin=subprocess.DEVNULL,
            capture_output=True,
            text=True,
            errors="replace",
            check=False,
            timeout=120,
        )
    return done.stdout.splitlines()


def compare(expected: list[str], found: list[str], subject: Subject, context: str, mechanism: str) -> Comparison:
    """Line by line, waivers left out on both sides."""
    kernel = os.uname().release
    waived = [w.lines for w in WAIVERS if re.search(w.kernel, kernel) and re.search(w.mechanism, mechanism)]
    asked = [line for line in expected if not any(re.search(pattern, line) for pattern in waived)]
    answers = [line for line in found if not any(re.search(pattern, line) for pattern in waived)]
    difference = list(difflib.unified_diff(asked, answers, "mounted", mechanism, lineterm="", n=0))[2:]
    return Comparison(
        subject.name,
        context,
        mechanism,
        len(expected),
        len(expected) - len(asked),
        tuple(line for line in difference if not line.startswith("@@")),
    )


def suite(programs: Path, base: Path, subjects: tuple[Subject, ...], mechanisms: tuple[str, ...]) -> list[Comparison]:
    """Every program and context under every mechanism, each against the oracle of this very place."""
    found = []
    for subject in subjects:
        for context in subject.contexts:
            argv = [str(programs / subject.program), context]
            expected = lines_under(base, "mount", argv, screened=subject.screened)
            found += [
                compare(
                    expected,
                    lines_under(base, mechanism, argv, screened=subject.screened),
                    subject,
                    context,
                    mechanism,
                )
                for mechanism in subject.mechanisms(mechanisms)
            ]
    return found


def here(programs: Path, subjects: tuple[Subject, ...] = SUBJECTS, *, with_proot: bool = True) -> dict[str, Any]:
    """The suite where this runs, as a document."""
    with tempfile.TemporaryDirectory() as base:
        mechanisms = MECHANISMS + (("proot",) if with_proot and shutil.which("proot") else ())
        comparisons = suite(programs, Path(base) / "world", subjects, mechanisms)
    return {"kernel": os.uname().release, "comparisons": [attrs.asdict(one) for one in comparisons]}


def main(words: list[str]) -> None:
    """See the module's text."""
    if words[:1] == ["--here"]:
        named = set(words[2:]) - {"without-proot"}
        subjects = tuple(s for s in SUBJECTS if not named or s.program in named)
        document = here(Path(words[1]), subjects, with_proot="without-proot" not in words)
        sys.stdout.write(json.dumps(document) + "\n")
        return
    from places import everywhere

    with tempfile.TemporaryDirectory(prefix="differential-", dir="/var/tmp") as programs:
        build(Path(programs))
        sys.stdout.write(table(everywhere(Path(programs), ROOT)))


def table(documents: dict[str, dict[str, Any]]) -> str:
    """Markdown: cases of each program in each place, and how many of them differ under each mechanism."""
    mechanisms = (*MECHANISMS, "proot")
    rows = [
        "| place | program | called from | cases each | " + " | ".join(mechanisms) + " |",
        "|---|---|---|---|" + "---|" * len(mechanisms),
    ]
    for place, document in documents.items():
        groups: dict[tuple[str, str], dict[str, dict[str, Any]]] = {}
        for one in document["comparisons"]:
            groups.setdefault((one["subject"], one["context"]), {})[one["mechanism"]] = one
        # Contexts of a program with the same figures share a row.
        merged: dict[tuple[str, str], list[str]] = {}
        for (subject, context), by_mechanism in groups.items():
            cases = next(iter(by_mechanism.values()))["cases"]
            cells = [_verdict(by_mechanism.get(mechanism)) for mechanism in mechanisms]
            merged.setdefault((subject, f"{cases} | " + " | ".join(cells)), []).append(context)
        rows += [
            f"| {place} | {subject} | {', '.join(names)} | {cells} |" for (subject, cells), names in merged.items()
        ]
    rows.append("")
    for waiver in WAIVERS:
        kernels = f"kernels `{waiver.kernel}`" if waiver.kernel else "all kernels"
        rows.append(f"- waived for {waiver.mechanism or 'all'} on {kernels}: `{waiver.lines}`: {waiver.reason}")
    return "\n".join(rows) + "\n"


def _verdict(one: dict[str, Any] | None) -> str:
    if one is None:
        return "not run"
    # A changed line is one taken away and one put in its place.
    differ = max(
        sum(line.startswith("-") for line in one["differences"]),
        sum(line.startswith("+") for line in one["differences"]),
    )
    waived = f", {one['waived']} waived" if one["waived"] else ""
    return f"{f'{differ} differ' if differ else 'all equal'}{waived}"


if __name__ == "__main__":
    main(sys.argv[1:])
