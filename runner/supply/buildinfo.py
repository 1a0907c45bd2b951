"""Read which Go module a binary was built from, without Go.

A runsc built from its module calls itself ``VERSION_MISSING``: the version is stamped in only by the project's own
build. But the Go linker writes the module and its version into every binary (what ``go version -m`` prints), and that
is the truth. Format: the 14 bytes of MAGIC, pointer size, flags; with flag 2 (Go 1.18 and later), at offset 32 two
strings, each behind its length as a varint: the Go version, and the module lines between two marks of 16 bytes. Older
formats are not read. Nothing else of the file is looked at.
"""

import mmap
from pathlib import Path

import attrs

MAGIC = b"\xff Go buildinf:"
ALIGNMENT = 16
HEADER = 32
INLINE_STRINGS = 2
MARK = 16
LONGEST = 1 << 20


@attrs.frozen(kw_only=True)
class BuildInfo:
    """What a Go binary says of its own making.

    Attributes:
        go: Version of the Go toolchain, such as ``go1.26.8``.
        package: Import path of the main package.
        module: Path of its module.
        version: The module's version; ``(devel)`` when built from a checkout.
    """

    go: str
    package: str
    module: str
    version: str


def read_buildinfo(path: Path) -> BuildInfo | None:
    """What ``go version -m`` would say, or None if the file has no such information.

    Raises:
        OSError: The file cannot be read.
    """
    with path.open("rb") as file:
        try:
            data = mmap.mmap(file.fileno(), 0, access=mmap.ACCESS_READ)
        except ValueError:  # an empty file
            return None
        with data:
            at = data.find(MAGIC)
            # The mark alone may also be a constant of a program that itself reads build information.
            while at >= 0:
                if at % ALIGNMENT == 0 and (found := _parse(data[at : at + LONGEST])) is not None:
                    return found
                at = data.find(MAGIC, at + 1)
    return None


def _parse(block: bytes) -> BuildInfo | None:
    if len(block) <= HEADER or not block[15] & INLINE_STRINGS:
        return None
    go, rest = _string(block[HEADER:])
    lines, _ = _string(rest)
    if not go.startswith(b"go") and not go.startswith(b"devel"):
        return None
    package = module = version = ""
    for line in lines[MARK:-MARK].decode(errors="replace").splitlines():
        match line.split("\t"):
            case ["path", named]:
                package = named
            case ["mod", named, numbered, *_]:
                module, version = named, numbered
            case _:
                pass
    return BuildInfo(go=go.decode(errors="replace"), package=package, module=module, version=version)


def _string(block: bytes) -> tuple[bytes, bytes]:
    length = shift = 0
    for index, byte in enumerate(block[:5]):
        length |= (byte & 0x7F) << shift
        shift += 7
        if not byte & 0x80:
            start = index + 1
            return block[start : start + length], block[start + length :]
    return b"", b""
