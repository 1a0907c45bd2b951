"""Builds a container image out of the arena's static busybox: no registry, no image tool, the same bytes every time.

The form is an OCI image layout in a tar, which containerd imports and every registry tool reads. The only layer holds
busybox, a link for each of its commands, and the few files without which a shell complains.
"""

import hashlib
import io
import json
import shutil
import subprocess
import tarfile
from collections.abc import Mapping
from pathlib import Path

ELF_INTERPRETER = 3
"""Type of the program header that names a dynamic loader (ELF, PT_INTERP)."""

MANIFEST = "application/vnd.oci.image.manifest.v1+json"

_DIRECTORIES = (("bin", 0o755), ("etc", 0o755), ("root", 0o700), ("tmp", 0o1777), ("www", 0o755))
_FILES = {
    "etc/passwd": "root:x:0:0:root:/root:/bin/sh\nnobody:x:65534:65534:nobody:/:/bin/false\n",
    "etc/group": "root:x:0:\nnogroup:x:65534:\n",
    "www/index.html": "served by busybox\n",
}


class ImageError(OSError):
    """The image cannot be built here; the message says what is missing and how to get it."""


def busybox_archive(name: str, command: tuple[str, ...], program: str = "") -> bytes:
    """The archive of an image that runs ``command``.

    Args:
        name: Reference with registry and tag.
        command: The container's default command.
        program: Path of a static program that shall be in it, too.

    Raises:
        ImageError: There is no static busybox.
        OSError: It cannot be read or run.
    """
    found = shutil.which("busybox")
    if found is None:
        raise ImageError(2, "no busybox to build images of; apt-get install busybox-static", "busybox")
    busybox = Path(found).read_bytes()
    if is_dynamic(busybox):
        raise ImageError(8, "this busybox needs a loader and libraries; apt-get install busybox-static", found)
    listed = subprocess.run([found, "--list"], capture_output=True, text=True, check=True)
    more = {Path(program).name: Path(program).read_bytes()} if program else {}
    return archive(name, command, layer(busybox, listed.stdout.split(), more))


def is_dynamic(program: bytes) -> bool:
    """Whether a 64-bit little-endian ELF program asks for a dynamic loader."""
    start, size, count = (
        int.from_bytes(program[at : at + length], "little") for at, length in ((32, 8), (54, 2), (56, 2))
    )
    headers = (program[start + size * number :][:4] for number in range(count))
    return any(int.from_bytes(header, "little") == ELF_INTERPRETER for header in headers)


def layer(busybox: bytes, applets: list[str], programs: Mapping[str, bytes]) -> bytes:
    """The only layer of the image: a tar of busybox and its links, and of some programs by name."""
    buffer = io.BytesIO()
    with tarfile.open(fileobj=buffer, mode="w") as tar:
        for path, mode in _DIRECTORIES:
            _add(tar, path, kind=tarfile.DIRTYPE, mode=mode)
        _add(tar, "bin/busybox", content=busybox, mode=0o755)
        for applet in applets:
            if applet != "busybox":
                _add(tar, f"bin/{applet}", kind=tarfile.SYMTYPE, target="/bin/busybox")
        for program, content in programs.items():
            _add(tar, f"bin/{program}", content=content, mode=0o755)
        for path, text in _FILES.items():
            _add(tar, path, content=text.encode())
    return buffer.getvalue()


def archive(name: str, command: tuple[str, ...], content: bytes) -> bytes:
    """An OCI layout, as a tar, of one image of one layer."""
    config = _json(
        {
            "architecture": "amd64",
            "os": "linux",
            "created": "1970-01-01T00:00:00Z",
            "config": {"Cmd": list(command), "Env": ["PATH=/bin"], "WorkingDir": "/"},
            "rootfs": {"type": "layers", "diff_ids": [_digest(content)]},
            "history": [{"created": "1970-01-01T00:00:00Z", "created_by": "static busybox"}],
        }
    )
    manifest = _json(
        {
            "schemaVersion": 2,
            "mediaType": MANIFEST,
            "config": _descriptor(config, "application/vnd.oci.image.config.v1+json"),
            "layers": [_descriptor(content, "application/vnd.oci.image.layer.v1.tar")],
        }
    )
    # containerd takes the reference from its own annotation; the standard's holds a tag only.
    named = {"io.containerd.image.name": name, "org.opencontainers.image.ref.name": name.rpartition(":")[2]}
    index = _json({"schemaVersion": 2, "manifests": [{**_descriptor(manifest, MANIFEST), "annotations": named}]})
    buffer = io.BytesIO()
    with tarfile.open(fileobj=buffer, mode="w") as tar:
        _add(tar, "oci-layout", content=_json({"imageLayoutVersion": "1.0.0"}))
        _add(tar, "index.json", content=index)
        for blob in (config, content, manifest):
            _add(tar, f"blobs/sha256/{_digest(blob).removeprefix('sha256:')}", content=blob)
    return buffer.getvalue()


def _json(document: dict[str, object]) -> bytes:
    return json.dumps(document).encode()


def _digest(blob: bytes) -> str:
    return f"sha256:{hashlib.sha256(blob).hexdigest()}"


def _descriptor(blob: bytes, media_type: str) -> dict[str, object]:
    return {"mediaType": media_type, "digest": _digest(blob), "size": len(blob)}


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
