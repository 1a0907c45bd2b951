"""An archive that containerd would pass over is refused before a cluster is started with it."""

import gzip
import io
import tarfile
from pathlib import Path

import pytest

from runner.host.images import archive
from runner.registry import find
from runner.up.archive import suffix_of
from runner.up.recipe import RecipeError, recipe

OCI = archive("docker.io/local/mine:1", ("sh",), b"")


def saved(*names: str) -> bytes:
    buffer = io.BytesIO()
    with tarfile.open(fileobj=buffer, mode="w") as tar:
        for name in names:
            tar.addfile(tarfile.TarInfo(name))
    return buffer.getvalue()


@pytest.mark.parametrize("name", ["image.tar", "image.tgz", "image"])
@pytest.mark.parametrize("content", [OCI, saved("layer.tar", "manifest.json"), saved("./index.json")])
def test_how_it_is_packed_is_seen_by_its_content_whatever_its_name(tmp_path: Path, content: bytes, name: str) -> None:
    (tmp_path / name).write_bytes(content)
    assert suffix_of(tmp_path / name) == ".tar"
    (tmp_path / name).write_bytes(gzip.compress(content))
    assert suffix_of(tmp_path / name) == ".tar.gz"


@pytest.mark.parametrize(
    "content",
    [
        b"",
        b"root:x:0:0\n",
        b"\x1f\x8b cut off",
        gzip.compress(OCI)[:60],
        OCI[:300],
        b"\x28\xb5\x2f\xfd" + OCI,
        saved("etc/passwd"),
    ],
)
def test_what_is_no_image_is_refused_with_what_makes_one(tmp_path: Path, content: bytes) -> None:
    (tmp_path / "image.tar").write_bytes(content)
    with pytest.raises(RecipeError, match=r"--image .*image\.tar: .*docker save"):
        suffix_of(tmp_path / "image.tar")


def test_a_control_plane_takes_no_image_for_it_has_no_node() -> None:
    with pytest.raises(RecipeError, match="no node that could run it"):
        recipe(find("5"), images={"/a/x.tar": ".tar"})
