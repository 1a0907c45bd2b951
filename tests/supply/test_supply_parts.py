"""The small parts: running programs, reading Go's build information, and the real things in this machine's cache."""

import os
import sys
from collections.abc import Callable
from pathlib import Path

import pytest
import trio

from runner.supply.buildinfo import BuildInfo, read_buildinfo
from runner.supply.commands import KEPT_LINES, LONGEST_LINE, run
from runner.supply.layer import layer
from runner.supply.runsc import find_runsc
from runner.supply.supplied import Progress

Script = Callable[..., Path]


def varint(number: int) -> bytes:
    coded = b""
    while number >= 0x80:
        coded += bytes([number & 0x7F | 0x80])
        number >>= 7
    return coded + bytes([number])


def with_buildinfo(go: str, lines: str, before: bytes = b"\x7fELF".ljust(64, b"\0")) -> bytes:
    """What Go's linker writes: header, then two strings behind their lengths, the second between marks."""
    mark = b"0123456789abcdef"
    text = mark + lines.encode() + mark
    header = (b"\xff Go buildinf:" + bytes([8, 2])).ljust(32, b"\0")
    return before + header + varint(len(go)) + go.encode() + varint(len(text)) + text + b"\0" * 100


LINES = "path\tgvisor.dev/gvisor/runsc\nmod\tgvisor.dev/gvisor\tv0.0.0-2026\th1:x=\ndep\tgolang.org/x/sys\tv0.1.0\n"
INFO = BuildInfo(go="go1.26.8", package="gvisor.dev/gvisor/runsc", module="gvisor.dev/gvisor", version="v0.0.0-2026")


@pytest.mark.parametrize(
    ("content", "expected"),
    [
        pytest.param(with_buildinfo("go1.26.8", LINES), INFO, id="plain"),
        pytest.param(
            with_buildinfo("go1.26.8", LINES, b"\xff Go buildinf:".ljust(96, b"\x02")),
            INFO,
            id="a-program-that-knows-the-mark",
        ),
        pytest.param(
            with_buildinfo("go1.26.8", LINES, b"x" * 15 + b"\xff Go buildinf:".ljust(49, b"\0")),
            INFO,
            id="unaligned-first",
        ),
        pytest.param(
            with_buildinfo("go1.26.8", LINES, with_buildinfo("go1.0", LINES, b"x" * 8).ljust(512, b"\0")),
            INFO,
            id="a-copy-that-is-not-aligned",
        ),
        pytest.param(with_buildinfo("go1.26.8", LINES)[:90], None, id="cut"),
        pytest.param(b"", None, id="empty"),
        pytest.param(b"#!/bin/sh\n", None, id="no-go"),
    ],
)
def test_the_module_is_read_from_the_binary(content: bytes, expected: BuildInfo | None, tmp_path: Path) -> None:
    path = tmp_path / "program"
    path.write_bytes(content)
    assert read_buildinfo(path) == expected


async def test_a_programs_lines_are_heard_as_they_come_and_its_end_is_told() -> None:
    heard: list[str] = []
    finished = await run(
        ["sh", "-c", r"echo one; printf 'a\rb\n' >&2; printf last; exit 3"], timeout_s=10, heard=heard.append
    )
    assert heard == ["one", "a", "b", "last"]
    assert finished.returncode == 3
    assert finished.last_words == "one\na\nb\nlast"


async def test_output_without_end_is_bounded() -> None:
    code = f"print('x' * {LONGEST_LINE * 50}); [print(i) for i in range({KEPT_LINES * 5})]"
    finished = await run([sys.executable, "-c", code], timeout_s=20)
    assert finished.lines == tuple(map(str, range(KEPT_LINES * 4, KEPT_LINES * 5)))
    finished = await run([sys.executable, "-c", f"print('x' * {LONGEST_LINE * 50})"], timeout_s=20)
    assert max(map(len, finished.lines)) == LONGEST_LINE


async def test_a_program_that_hangs_is_killed_with_its_children() -> None:
    children: list[int] = []
    finished = await run(
        ["sh", "-c", "sleep 60 & echo $!; wait"],
        timeout_s=0.3,
        heard=lambda line: children.append(os.pidfd_open(int(line))),
    )
    assert finished.returncode is None
    with trio.fail_after(10):
        await trio.lowlevel.wait_readable(children[0])
    os.close(children[0])


async def test_a_program_gets_no_input() -> None:
    assert (await run(["cat"], timeout_s=10)).returncode == 0


async def test_a_program_that_is_missing_is_an_oserror() -> None:
    with pytest.raises(FileNotFoundError):
        await run(["/no/such/program"], timeout_s=10)


async def test_a_file_still_open_for_writing_is_waited_for(script: Script, monkeypatch: pytest.MonkeyPatch) -> None:
    path = script("program", "echo ran")
    writer = os.open(path, os.O_WRONLY)
    sleeps: list[float] = []

    async def closes(seconds: float) -> None:
        if not sleeps:
            os.close(writer)
        sleeps.append(seconds)
        await trio.lowlevel.checkpoint()

    monkeypatch.setattr(trio, "sleep", closes)
    assert (await run([path], timeout_s=10)).last_words == "ran"
    assert len(sleeps) == 1


CHROOTED = r"""
set -e
mount -t tmpfs none "$1"; mkdir "$1/up" "$1/work" "$1/root"
cp -a "$2/." "$1/up/"
mount -t overlay none -o "lowerdir=/,upperdir=$1/up,workdir=$1/work" "$1/root"
mount --bind /dev "$1/root/dev"
exec chroot "$1/root" sh -c '
readlink /bin /sbin /lib
iptables --version; iptables-legacy --version; ip6tables-save --version; conntrack --version; ip -V; runc --version
ethtool --version; socat -V | sed -n 2p; CNI_COMMAND=VERSION /usr/lib/cni/host-local </dev/null; modprobe --version'
"""


@pytest.mark.sandbox
async def test_the_real_layer_works_over_this_machines_root(tmp_path: Path, progress: Progress) -> None:
    made = await layer(progress)
    argv = ["unshare", "-m", "sh", "-c", CHROOTED, "sh", str(tmp_path), str(made.path)]
    ran = await run(argv, timeout_s=60)
    said = "\n".join(ran.lines)
    for words in ("usr/bin\nusr/sbin\nusr/lib\n", "(nf_tables)", "(legacy)", "conntrack v", "ip utility", "runc version",
                  "ethtool version", "socat version", "supportedVersions", "kmod version"):  # fmt: skip
        assert words in said, said


@pytest.mark.sandbox
async def test_a_real_runsc_is_found_or_built_and_knows_its_version(progress: Progress) -> None:
    found = await find_runsc(progress)
    assert found.version not in {"", "unknown", "VERSION_MISSING"}
