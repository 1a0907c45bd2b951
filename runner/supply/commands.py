"""Run another program, hear its lines as they come, and never leave it behind.

The programs here are compilers, package tools and binaries of unknown origin: one may print for ever, hang, or leave
children. So output is bounded, time is bounded, and the program leads a process group that dies with the caller's
scope. Nothing is decided here about what the output means.
"""

import errno
import os
import signal
import subprocess
from collections import deque
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path

import attrs
import trio

KEPT_LINES = 40
LONGEST_LINE = 2000
BUSY_TRIES = 40


@attrs.frozen(kw_only=True)
class Finished:
    """How a program ended.

    Attributes:
        returncode: As of subprocess: negative for a signal. None when it was stopped for taking too long.
        lines: The last lines of stdout and stderr together, as they came.
    """

    returncode: int | None
    lines: tuple[str, ...]

    @property
    def last_words(self) -> str:
        """The last few lines that are not empty, joined for a message."""
        return "\n".join([line for line in self.lines if line.strip()][-6:])


async def run(
    argv: Sequence[str | Path],
    *,
    timeout_s: float,
    environ: Mapping[str, str] | None = None,
    cwd: Path | None = None,
    heard: Callable[[str], None] | None = None,
    keep_open: Sequence[int] = (),
) -> Finished:
    """Run a program to its end, or kill its whole process group at the time limit or when cancelled.

    Args:
        argv: Program and arguments.
        timeout_s: Seconds after which it is killed.
        environ: Its environment; None for ours.
        cwd: Its working directory.
        heard: Called with each line as it comes.
        keep_open: Descriptors that it inherits: a lock among them stays held while it lives, even if we are killed.

    Raises:
        OSError: It cannot be started.
    """
    process = await _start(argv, environ=environ, cwd=cwd, keep_open=keep_open)
    lines: deque[str] = deque(maxlen=KEPT_LINES)
    returncode: int | None = None
    try:
        with trio.move_on_after(timeout_s):
            await _listen(process, lines, heard)
            returncode = await process.wait()
    finally:
        if process.returncode is None:
            # Not yet reaped, so the group's number cannot have been given to anybody else.
            os.killpg(process.pid, signal.SIGKILL)
        with trio.CancelScope(shield=True):
            await process.wait()
            if process.stdout is not None:
                await process.stdout.aclose()
    return Finished(returncode=returncode, lines=tuple(lines))


async def _start(
    argv: Sequence[str | Path], *, environ: Mapping[str, str] | None, cwd: Path | None, keep_open: Sequence[int]
) -> trio.Process:
    for _ in range(BUSY_TRIES):
        try:
            return await trio.lowlevel.open_process(
                [str(part) for part in argv],
                stdin=subprocess.DEVNULL,
                stdout=subprocess.PIPE,
                stderr=subprocess.STDOUT,
                start_new_session=True,
                env=None if environ is None else dict(environ),
                cwd=cwd,
                pass_fds=tuple(keep_open),
            )
        except OSError as error:
            # A file just written is "busy" while another fork of ours, not yet at its exec, still holds it open.
            if error.errno != errno.ETXTBSY:
                raise
            await trio.sleep(0.05)
    raise OSError(errno.ETXTBSY, os.strerror(errno.ETXTBSY), str(argv[0]))


async def _listen(process: trio.Process, lines: deque[str], heard: Callable[[str], None] | None) -> None:
    if process.stdout is None:
        return
    rest = b""
    async for chunk in process.stdout:
        *complete, rest = (rest + chunk).replace(b"\r", b"\n").split(b"\n")
        rest = rest[:LONGEST_LINE]
        for raw in complete:
            _take(raw, lines, heard)
    if rest:
        _take(rest, lines, heard)


def _take(raw: bytes, lines: deque[str], heard: Callable[[str], None] | None) -> None:
    line = raw[:LONGEST_LINE].decode(errors="replace")
    lines.append(line)
    if heard is not None and line.strip():
        heard(line)
