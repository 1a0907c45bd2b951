"""Is this file really the program that it is taken for, and which version?

A file called runsc or k3s may be a web page saved by a download, a build for another processor, a directory, or
something else by that name; found out a minute into a run, each of these looks like a bug of the experiment. So the
file is looked at, then run with ``--version``, and only its answer counts. This module reports; what to do about it
the caller says.
"""

import os
import platform
import re
from pathlib import Path

from runner.supply.commands import run

VERSION_TIMEOUT_S = 20.0

_MACHINES = {3: "386", 40: "arm", 62: "amd64", 183: "arm64", 243: "riscv64", 22: "s390x", 21: "ppc64le"}
_OURS = {"x86_64": "amd64", "amd64": "amd64", "aarch64": "arm64", "arm64": "arm64"}


class NotUsableError(Exception):
    """The file is not the program it should be; the text says why, without the path."""


def machine() -> str:
    """This machine's processor by Go's name: ``amd64``, ``arm64``, or what uname says for any other."""
    return _OURS.get(platform.machine(), platform.machine())


async def reported_version(path: Path, pattern: re.Pattern[str], what: str) -> str:
    """The version that a program prints for ``--version``: group 1 of ``pattern``, matched at the start of a line.

    Raises:
        NotUsableError: It is missing, no program of this machine, does not answer, or answers as something else.
    """
    _look(path, what)
    try:
        finished = await run([path, "--version"], timeout_s=VERSION_TIMEOUT_S)
    except OSError as error:
        raise NotUsableError(
            f"cannot be run: {error.strerror}; a file for another machine, or a damaged one?"
        ) from error
    if finished.returncode is None:
        raise NotUsableError(f"did not answer --version within {VERSION_TIMEOUT_S:g} s: not a {what}, or it hangs here")
    for line in finished.lines:
        if match := pattern.match(line):
            return match[1]
    said = finished.last_words.partition("\n")[0][:100] or "nothing"
    raise NotUsableError(f"is not a {what}: its answer to --version is {said!r} (exit code {finished.returncode})")


def _look(path: Path, what: str) -> None:
    try:
        if not path.exists():
            raise NotUsableError("no such file")
        if not path.is_file():
            raise NotUsableError("is not a file")
        with path.open("rb") as file:
            head = file.read(20)
    except OSError as error:
        raise NotUsableError(f"cannot be read: {error.strerror}") from error
    if not head:
        raise NotUsableError("is an empty file")
    if head.startswith(b"\x7fELF") and len(head) == 20:  # noqa: PLR2004  the part of an ELF header up to e_machine
        built_for = int.from_bytes(head[18:20], "little" if head[5] == 1 else "big")
        if _MACHINES.get(built_for, str(built_for)) != machine():
            raise NotUsableError(f"is built for {_MACHINES.get(built_for, built_for)}, but this machine is {machine()}")
    elif not head.startswith(b"#!"):
        raise NotUsableError(f"is not a program (it begins with {head[:12]!r}): not a {what}")
    if not os.access(path, os.X_OK):
        raise NotUsableError("is not executable; chmod +x it")
