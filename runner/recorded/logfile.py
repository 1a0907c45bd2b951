"""Opens anyone's log: plain, gzip or standard input, in pieces of any size; and refuses what is none."""

import gzip
import sys
from collections.abc import Iterator
from pathlib import Path

from runner.core.lines import MAX_LINE_BYTES, parse_line

GZIP_MAGIC = b"\x1f\x8b"
PACKED = {
    b"\x28\xb5\x2f\xfd": ("zstd", "zstd -dc"),
    b"\xfd7zXZ\x00": ("xz", "xz -dc"),
    b"BZh": ("bzip2", "bzip2 -dc"),
    b"PK\x03\x04": ("zip", "unzip -p"),
}

# Control characters that text does not have, and how large a share of them makes a file binary.
CONTROL = bytes(byte for byte in range(32) if byte not in b"\t\n\r\x1b")
MOST_CONTROL = 0.05
LEAST_BINARY = 512
# So many lines are looked at.
LINES = 64


class ReplayError(Exception):
    """There is no log to read; the message names the file and says what to do."""


def pieces(name: str, size: int) -> Iterator[bytes]:
    """The content of a log.

    Args:
        name: A file, plain or gzip, or ``-`` for standard input.
        size: Bytes of a piece, at least 64 KiB: by the first one it is seen whether this is a log.

    Raises:
        ReplayError: It cannot be read, or is no log.
    """
    try:
        source = sys.stdin.buffer if name == "-" else Path(name).open("rb")  # noqa: SIM115  closed by the with below
        with source as raw:
            start = raw.peek(2)[:2] if hasattr(raw, "peek") else b""
            stream = gzip.GzipFile(fileobj=raw) if start == GZIP_MAGIC else raw
            piece = stream.read(size)
            if (why := _no_log(piece)) is not None:
                raise ReplayError(f"{name}: {why}")
            while piece:
                yield piece
                piece = stream.read(size)
    except (OSError, EOFError) as error:
        what = getattr(error, "strerror", None) or error
        raise ReplayError(f"cannot read {name}: {what}; name a text log, plain or gzip") from error


def text_of(line: bytes) -> str:
    """A line as it is shown; what is no UTF-8 is escaped."""
    return line[:MAX_LINE_BYTES].removesuffix(b"\r").decode(errors="backslashreplace")


def _no_log(piece: bytes) -> str | None:
    """Why the first piece of a file cannot be a log's; None when it can."""
    for magic, (kind, command) in PACKED.items():
        if piece.startswith(magic):
            return f"packed with {kind}; unpack it first: {command} FILE > LOG"
    head = piece[: LINES * 1024]
    # A log may hold rubbish, and a hole full of NUL where a machine went down; but then it holds lines as well.
    known = any(parse_line(text_of(line)).format != "plain" for line in head.split(b"\n", LINES)[:LINES])
    if not known and len(head) >= LEAST_BINARY and len(head.translate(None, CONTROL)) < len(head) * (1 - MOST_CONTROL):
        return "binary data, not a log; give a text log, plain or gzip"
    return None
