"""Runs programs for the benchmarks, and says what on."""

import os
import platform
import subprocess
import time
from collections.abc import Sequence

import attrs

from runner.arena.private_root import SOURCE


@attrs.frozen(kw_only=True)
class Cost:
    """What one run of a program took.

    Attributes:
        cpu_s: Processor time of it and its children, in seconds.
        wall_s: From its start to its end, in seconds.
        last_word: The last word of its output.
    """

    cpu_s: float
    wall_s: float
    last_word: str


def on_what() -> str:
    """Kernel and processors of this machine."""
    return f"Linux {platform.release()}, {os.cpu_count()} processors"


def run(argv: Sequence[str], *, ends: Sequence[int] = (0,), **environment: str) -> Cost:
    """Run a program to its end.

    Args:
        argv: Program and arguments.
        ends: Exit codes of a program that did its work.
        environment: Variables besides ours.

    Raises:
        SystemExit: It failed.
    """
    began = time.monotonic()
    # Not into /dev/null: grep sees that and stops at the first match.
    process = subprocess.Popen(argv, stdout=subprocess.PIPE, text=True, env={**os.environ, **environment}, cwd=SOURCE)
    assert process.stdout is not None  # noqa: S101  asked for above
    words = process.stdout.read().split()
    _, status, used = os.wait4(process.pid, 0)
    process.returncode = os.waitstatus_to_exitcode(status)
    if process.returncode not in ends:
        raise SystemExit(f"{' '.join(argv)} ended with {process.returncode}")
    return Cost(
        cpu_s=used.ru_utime + used.ru_stime, wall_s=time.monotonic() - began, last_word=words[-1] if words else ""
    )
