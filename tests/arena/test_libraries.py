"""The arena's cache of libraries: a real overlay over this machine's root, a layer with a library compiled here, the real ld.so."""

import os
import shutil
import subprocess
from pathlib import Path

import pytest

from runner.arena.private_root import script

pytestmark = pytest.mark.skipif(
    os.geteuid() != 0 or shutil.which("gcc") is None or not Path("/etc/ld.so.cache").exists(),
    reason="needs root, gcc and a machine of glibc's",
)

# $1 work directory, $2 layer or empty, $3 what happened to the machine's root before, $4 what happens after.
OVERLAY = """set -eu
work=$1 layer=$2
mount -t tmpfs tmpfs "$work"
mkdir "$work/upper" "$work/overlay" "$work/root"
[ -z "$layer" ] || cp -a "$layer/." "$work/upper/"
mount -t overlay overlay -o "lowerdir=/,upperdir=$work/upper,workdir=$work/overlay" "$work/root"
cd "$work/root"
eval "$3"
"""
TRY = """
cmp -s etc/ld.so.cache /etc/ld.so.cache && echo cache of the machine || echo cache of both
ls etc/ld.so.cache?* 2> /dev/null || :
eval "$4"
chroot . env LD_DEBUG=libs made-up 2>&1
"""
LIBRARY = 'const char *made_up(void) { return "from " PLACE; }'
PROGRAM = "#include <stdio.h>\nconst char *made_up(void);\nint main(void) { return puts(made_up()) < 0; }"


def compiled(target: Path, text: str, *options: str) -> Path:
    target.parent.mkdir(parents=True, exist_ok=True)
    subprocess.run(
        ["gcc", "-x", "c", "-", "-o", str(target), "-Wl,--no-as-needed", *options], input=text, text=True, check=True
    )
    return target


def library(target: Path, place: str) -> Path:
    return compiled(target, LIBRARY, f'-DPLACE="{place}"', "-shared", "-fPIC", "-Wl,-soname,libmade-up.so.1")


@pytest.fixture(scope="module")
def system() -> Path:
    """The directory of the machine's own libraries, which ld.so searches without being told."""
    said = subprocess.run(["gcc", "-print-file-name=libc.so.6"], capture_output=True, text=True, check=True).stdout
    return Path(said.strip()).resolve().parent


@pytest.fixture(scope="module")
def layer(tmp_path_factory: pytest.TempPathFactory, system: Path) -> Path:
    top = tmp_path_factory.mktemp("layer")
    built = library(top / system.relative_to("/") / "libmade-up.so.1", "the layer")
    compiled(top / "usr/bin/made-up", PROGRAM, "-x", "none", str(built))
    for directory, _, _ in os.walk(top):
        Path(directory).chmod(0o755)
    return top


@pytest.fixture
def elsewhere(tmp_path: Path) -> Path:
    """Another library of the same name."""
    return library(tmp_path / "libmade-up.so.1", "elsewhere")


def ran(work: Path, layer: Path | str, before: str = "", after: str = "") -> str:
    """What TRY prints in an arena's root."""
    work.mkdir()
    whole = OVERLAY + script("libraries.sh") + TRY
    argv = ["unshare", "--mount", "--propagation", "private", "sh", "-c", whole, "sh", work, layer, before, after]
    done = subprocess.run(argv, capture_output=True, text=True, check=False)
    if "unshare failed" in done.stderr or "mount:" in done.stderr:
        pytest.skip("needs mounts of its own")
    assert done.stderr == "", done
    return done.stdout


def searched(said: str) -> bool:
    """Whether ld.so went through directories."""
    return "search path=" in said


def test_a_program_of_the_layer_finds_its_library_without_a_search(tmp_path: Path, layer: Path) -> None:
    said = ran(tmp_path / "work", layer)
    assert "cache of both\n" in said
    assert "from the layer" in said
    assert not searched(said)


def test_without_ldconfig_the_machines_cache_stays_and_the_library_is_searched_for(tmp_path: Path, layer: Path) -> None:
    said = ran(tmp_path / "work", layer, before="rm sbin/ldconfig")
    assert "cache of the machine\n" in said
    assert "from the layer" in said
    assert searched(said)


def test_a_library_that_the_machines_cache_does_not_know_yet_is_not_put_before_the_layers(
    tmp_path: Path, layer: Path, elsewhere: Path
) -> None:
    arrives = f"cp {elsewhere} usr/local/lib/libmade-up.so.1"
    assert "from elsewhere" in ran(tmp_path / "plain", layer, before=f"{arrives}; chroot . /sbin/ldconfig")
    said = ran(tmp_path / "work", layer, before=arrives)
    assert "cache of the machine\n" in said
    assert "from the layer" in said


def test_a_directory_that_only_the_machines_cache_knows_is_not_lost(
    tmp_path: Path, layer: Path, elsewhere: Path
) -> None:
    named = f"mkdir -p opt/made; cp {elsewhere} opt/made/libmade-up.so.1; chroot . /sbin/ldconfig /opt/made"
    assert "from elsewhere" in ran(tmp_path / "work", layer, before=named)


def test_a_damaged_cache_of_the_machine_is_left_alone(tmp_path: Path, layer: Path) -> None:
    said = ran(tmp_path / "work", layer, before="echo damaged > etc/ld.so.cache", after="head -n 1 etc/ld.so.cache")
    assert "damaged\n" in said
    assert "from the layer" in said


def test_a_library_that_the_cache_names_and_that_is_gone_is_searched_for(
    tmp_path: Path, layer: Path, system: Path
) -> None:
    said = ran(tmp_path / "work", layer, after=f"mv .{system}/libmade-up.so.1 usr/lib/libmade-up.so.1")
    assert "cache of both\n" in said
    assert "from the layer" in said
    assert searched(said)


def test_without_a_layer_the_machines_cache_stays(tmp_path: Path, elsewhere: Path) -> None:
    said = ran(tmp_path / "work", "", before=f"cp {elsewhere} usr/local/lib/libmade-up.so.1; ln -s true bin/made-up")
    assert "cache of the machine\n" in said
