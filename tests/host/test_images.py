"""Images built without any image tool: what containerd needs to find in them, and the same bytes every time."""

import hashlib
import io
import json
import struct
import tarfile

from runner.host.images import archive, is_dynamic, layer

NAME = "docker.io/local/busybox:1"


def contents(tar: bytes) -> dict[str, bytes]:
    with tarfile.open(fileobj=io.BytesIO(tar)) as opened:
        return {
            member.name: (opened.extractfile(member) or io.BytesIO()).read()
            for member in opened.getmembers()
            if member.isreg()
        }


def elf(*header_types: int) -> bytes:
    """The head of a 64-bit program with these program headers."""
    head = bytearray(64)
    head[:4] = b"\x7fELF"
    struct.pack_into("<Q", head, 32, 64)
    struct.pack_into("<HH", head, 54, 56, len(header_types))
    return bytes(head) + b"".join(struct.pack("<I52x", kind) for kind in header_types)


def test_every_blob_lies_under_its_own_digest_and_is_named_with_its_size_by_whoever_needs_it() -> None:
    found = contents(archive(NAME, ("sh",), layer(b"program", ["sh"], {})))
    blobs = {name.removeprefix("blobs/sha256/"): blob for name, blob in found.items() if name.startswith("blobs/")}
    assert all(hashlib.sha256(blob).hexdigest() == digest for digest, blob in blobs.items())
    (top,) = json.loads(found["index.json"])["manifests"]
    manifest = json.loads(blobs[top["digest"].removeprefix("sha256:")])
    for descriptor in (top, manifest["config"], *manifest["layers"]):
        assert descriptor["size"] == len(blobs[descriptor["digest"].removeprefix("sha256:")])


def test_containerd_finds_the_whole_reference_and_the_runtime_the_command() -> None:
    found = contents(archive(NAME, ("sleep", "1"), layer(b"program", [], {})))
    (top,) = json.loads(found["index.json"])["manifests"]
    assert top["annotations"]["io.containerd.image.name"] == NAME
    assert json.loads(found["oci-layout"]) == {"imageLayoutVersion": "1.0.0"}
    manifest = json.loads(found[f"blobs/sha256/{top['digest'][7:]}"])
    config = json.loads(found[f"blobs/sha256/{manifest['config']['digest'][7:]}"])
    assert config["config"]["Cmd"] == ["sleep", "1"]
    assert config["rootfs"]["diff_ids"] == [manifest["layers"][0]["digest"]]


def test_the_layer_holds_busybox_a_link_for_each_of_its_commands_and_the_programs_asked_for() -> None:
    with tarfile.open(fileobj=io.BytesIO(layer(b"program", ["busybox", "sh", "nc"], {"coredns": b"dns"}))) as tar:
        assert tar.getmember("bin/coredns").mode == 0o755
        links = {member.name: member.linkname for member in tar.getmembers() if member.issym()}
        assert links == {"bin/sh": "/bin/busybox", "bin/nc": "/bin/busybox"}
        assert tar.getmember("bin/busybox").mode == 0o755
        assert {member.mtime for member in tar.getmembers()} == {0}


def test_the_same_busybox_gives_the_same_bytes() -> None:
    assert archive(NAME, ("sh",), layer(b"p", ["sh"], {})) == archive(NAME, ("sh",), layer(b"p", ["sh"], {}))


def test_a_busybox_that_needs_a_loader_is_told_from_one_that_does_not() -> None:
    assert is_dynamic(elf(1, 3, 1))
    assert not is_dynamic(elf(1, 1))
