"""Looks into an image archive before a cluster is started with it: what containerd refuses, it refuses in its own log alone."""

import tarfile
from pathlib import Path

from runner.up.recipe import RecipeError

GZIP_MAGIC = b"\x1f\x8b"
# What an archive of docker save has, and what an OCI layout has.
INDEXES = ("manifest.json", "index.json")


def suffix_of(archive: Path) -> str:
    """``.tar`` or ``.tar.gz``, by the content, which is how k3s and ctr want its name to end.

    Raises:
        RecipeError: It is no archive of an image; the message says what makes one.
    """
    try:
        with archive.open("rb") as file:
            packed = file.read(len(GZIP_MAGIC)) == GZIP_MAGIC
        with tarfile.open(archive, "r:gz" if packed else "r:") as members:
            if not any(member.name.removeprefix("./") in INDEXES for member in members):
                raise RecipeError(
                    f"--image {archive}: a tar, but of no image; make one with docker save, or as an OCI layout"
                )
    except (tarfile.TarError, EOFError, OSError) as error:
        raise RecipeError(
            f"--image {archive}: no tar archive, plain or gzip ({error}); make one with docker save, or as an OCI layout"
        ) from error
    return ".tar.gz" if packed else ".tar"
