"""Builds a container image out of the arena's static busybox: no registry, no image tool, the same bytes every time.

The form is that of ``docker save``, which containerd imports: a tar of a layer, its configuration and a list of both. The
layer holds busybox, a link for each of its commands, and the few files without which a shell complains.
"""

import hashlib
import io
import json
import shutil
import subprocess
import tarfile
from pathlib import Path

ELF_INTERPRETER = 3
"""Type of the program header that names a dynamic loader (ELF, PT_INTERP)."""

_DIRECTORIES = (("bin", 0o755), ("etc", 0o755), ("root", 0o700), ("tmp", 0o1777), ("www", 0o755))
_FILES = {
    "etc/passwd": "root:x:0:0:root:/root:/bin/sh\nnobody:x:65534:65534:nobody:/:/bin/false\n",
    "etc/group": "root:x:0:\nnogroup:x:65534:\n",
    "www/index.html": "served by busybox\n",
}


class ImageError(OSError):
    """The image cannot be built here; the message says what is missing and how to get it."""


def busybox_archive(name: str, command: tuple[str, ...]) -> bytes:
    """The archive of an image that runs ``command``.

    Args:
        name: Reference with registry and tag.
        command: The container's default command.

    Raises:
        ImageError: There is no static busybox.
        OSError: It cannot be read or run.
    """
    found = shutil.which("busybox")
    if found is None:
        raise ImageError(2, "no busybox to build images of; apt-get install busybox-static", "busybox")
    program = Path(found).read_bytes()
    if is_dynamic(program):
        raise ImageError(8, "this busybox needs a loader and libraries; apt-get install busybox-static", found)
    listed = subprocess.run([found, "--list"], capture_output=True, text=True, check=True)
    return archive(name, command, layer(program, listed.stdout.split()))


def is_dynamic(program: bytes) -> bool:
    """Whether a 64-bit little-endian ELF program asks for a dynamic loader."""
    start, size, count = (
        int.from_bytes(program[at : at + length], "little") for at, length in ((32, 8), (54, 2), (56, 2))
    )
    headers = (program[start + size * number :][:4] for number in range(count))
    return any(int.from_bytes(header, "little") == ELF_INTERPRETER for header in headers)


def layer(busybox: bytes, applets: list[str]) -> bytes:
    """The only layer of the image: a tar of busybox and its links."""
    buffer = io.BytesIO()
    with tarfile.open(fileobj=buffer, mode="w") as tar:
        for path, mode in _DIRECTORIES:
            _add(tar, path, kind=tarfile.DIRTYPE, mode=mode)
        _add(tar, "bin/busybox", content=busybox, mode=0o755)
        for applet in applets:
            if applet != "busybox":
                _add(tar, f"bin/{applet}", kind=tarfile.SYMTYPE, target="/bin/busybox")
        for path, text in _FILES.items():
            _add(tar, path, content=text.encode())
    return buffer.getvalue()


def archive(name: str, command: tuple[str, ...], content: bytes) -> bytes:
    """A ``docker save`` archive with one image of one layer."""
    digest = hashlib.sha256(content).hexdigest()
    config = json.dumps(
        {
            "architecture": "amd64",
            "os": "linux",
            "created": "1970-01-01T00:00:00Z",
            "config": {"Cmd": list(command), "Env": ["PATH=/bin"], "WorkingDir": "/"},
            "rootfs": {"type": "layers", "diff_ids": [f"sha256:{digest}"]},
            "history": [{"created": "1970-01-01T00:00:00Z", "created_by": "static busybox"}],
        }
    ).encode()
    config_name = f"{hashlib.sha256(config).hexdigest()}.json"
    listing = json.dumps([{"Config": config_name, "RepoTags": [name], "Layers": [f"{digest}/layer.tar"]}]).encode()
    buffer = io.BytesIO()
    with tarfile.open(fileobj=buffer, mode="w") as tar:
        _add(tar, config_name, content=config)
        _add(tar, digest, kind=tarfile.DIRTYPE, mode=0o755)
        _add(tar, f"{digest}/layer.tar", content=content)
        _add(tar, "manifest.json", content=listing)
    return buffer.getvalue()


def _add(
    tar: tarfile.TarFile,
    path: str,
    *,
    content: bytes = b"",
    kind: bytes = tarfile.REGTYPE,
    mode: int = 0o644,
    target: str = "",
) -> None:
    # Time 0 and owner 0, TarInfo's own defaults: the same input gives the same bytes.
    info = tarfile.TarInfo(path)
    info.type, info.mode, info.linkname, info.size = kind, mode, target, len(content)
    tar.addfile(info, io.BytesIO(content))
