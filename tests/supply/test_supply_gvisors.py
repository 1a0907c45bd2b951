"""Builds of gVisor by name: the package of 2022, pins, and versions that no table knows."""

import os
import shutil
from collections.abc import Callable
from pathlib import Path

import attrs
import pytest
from debian_archive import Package, bare_machine, build_archive

from runner.supply import gobuild
from runner.supply.cache import Cache
from runner.supply.gvisors import GVISORS, GVisor, gvisor, gvisor_named
from runner.supply.layer import Machine
from runner.supply.supplied import Progress, SupplyError

Script = Callable[..., Path]
PACKAGED = GVISORS[0]
NEWER = "v0.0.0-20270101000000-0123456789ab"
GO = f"""
echo "$GOTOOLCHAIN $*" >> "$(dirname "$0")/calls"
case "$1" in
version) echo "go version go1.26.8 linux/amd64" ;;
list) echo '{{"Version": "{NEWER}", "GoVersion": "1.27.1"}}' ;;
install) printf '#!/bin/sh\\necho runsc version {NEWER}\\n' > "$GOBIN/runsc"; chmod +x "$GOBIN/runsc" ;;
esac
"""
with_apt = pytest.mark.skipif(
    os.geteuid() != 0 or shutil.which("apt-get") is None or shutil.which("dpkg-deb") is None,
    reason="needs root and apt",
)


@pytest.fixture
def environ(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> dict[str, str]:
    monkeypatch.setattr(gobuild, "_USUAL_PLACES", ())
    return {"PATH": f"{tmp_path}/bin:/usr/bin:/bin"}


def machine_with(version: str, says: str, tmp_path: Path) -> Machine:
    archive = tmp_path / "archive"
    archive.mkdir()
    files = {"usr/bin/runsc": f"#!/bin/sh\necho runsc version {says}\n"}
    build_archive(archive, (Package(name="runsc", files=files, version=version),))
    return bare_machine(tmp_path / "machine", archive)


@with_apt
async def test_the_build_of_2022_comes_as_a_package_and_is_kept(
    cache: Cache, environ: dict[str, str], progress: Progress, tmp_path: Path
) -> None:
    machine = machine_with("0.0~20221219.0-2+b3", "0.0~20221219.0", tmp_path)
    found = await gvisor(PACKAGED, progress, environ=environ, cache=cache, packages_of=machine)
    assert found.version == "0.0~20221219.0"
    assert found.origin == "package runsc_0.0~20221219.0-2+b3_all"
    nowhere = attrs.evolve(machine, apt_options=("-o", "Dir::Etc::sourcelist=/nonexistent"))
    again = await gvisor(PACKAGED, progress, environ=environ, cache=cache, packages_of=nowhere)
    assert (again.path, again.attempts[0].outcome) == (found.path, "used")


@with_apt
@pytest.mark.parametrize(
    ("version", "says", "why"),
    [
        ("0.0~20240729.0-1", "0.0~20240729.0", "mirrors have runsc_0.0~20240729.0-1_all.deb; Debian 12's have version"),
        ("0.0~20221219.0-9", "0.0~2023", "has runsc 0.0~2023, and not 0.0~20221219.0"),
    ],
    ids=["another release of Debian", "package that lies"],
)
async def test_another_package_is_not_taken_for_it(
    version: str, says: str, why: str, cache: Cache, environ: dict[str, str], progress: Progress, tmp_path: Path
) -> None:
    machine = machine_with(version, says, tmp_path)
    with pytest.raises(SupplyError, match=why):
        await gvisor(PACKAGED, progress, environ=environ, cache=cache, packages_of=machine)
    assert [path.name for path in cache.root.iterdir() if not path.name.startswith(".")] == []


@pytest.mark.parametrize("build", GVISORS, ids=lambda build: build.name)
async def test_a_build_goes_by_its_month_and_by_its_version(build: GVisor) -> None:
    assert await gvisor_named(build.name) == build
    assert await gvisor_named(build.version) == build


async def test_a_word_that_means_no_build_lists_those_there_are() -> None:
    with pytest.raises(
        SupplyError, match="no gVisor build '2024-01'; there are 2022-12, 2025-05, 2025-10, 2026-09, latest"
    ):
        await gvisor_named("2024-01")


async def test_a_version_that_no_table_knows_is_built_with_the_go_that_its_module_names(
    cache: Cache, environ: dict[str, str], progress: Progress, script: Script
) -> None:
    go = script("bin/go", GO)
    build = await gvisor_named("latest", environ=environ)
    assert (build.version, build.toolchain, build.platforms[0]) == (NEWER, "go1.27.1", "systrap")
    found = await gvisor(build, progress, environ=environ, cache=cache)
    assert found.version == NEWER
    assert (go.parent / "calls").read_text().splitlines()[-1].startswith("go1.27.1 install")


async def test_a_version_that_the_proxy_does_not_have_is_refused_with_its_words(
    environ: dict[str, str], script: Script
) -> None:
    script("bin/go", 'echo "go: gvisor.dev/gvisor@v0.9: not found: 404" >&2; exit 1')
    with pytest.raises(SupplyError, match=r"(?s)no version 'v0\.9' of gvisor\.dev/gvisor: .*not found: 404"):
        await gvisor_named("v0.9", environ=environ)
