"""The package layer: apt is real, the archive and the machine are made up."""

import os
import shutil
import subprocess
from pathlib import Path

import attrs
import pytest
from debian_archive import CNI, PACKAGES, XTABLES, Package, bare_machine, build_archive, programs, put_files

from runner.supply.apt import configuration
from runner.supply.cache import Cache
from runner.supply.layer import Layer, LayerUnavailableError, Machine, commands_present, layer, layer_key
from runner.supply.needs import CNI_ONLY, NEEDS, advice, missing, packages_for
from runner.supply.supplied import Progress

with_apt = pytest.mark.skipif(
    os.geteuid() != 0 or shutil.which("apt-get") is None or shutil.which("dpkg-deb") is None,
    reason="needs root and apt",
)


@pytest.fixture(scope="session")
def archive(tmp_path_factory: pytest.TempPathFactory) -> Path:
    directory = tmp_path_factory.mktemp("archive")
    build_archive(directory)
    return directory


@pytest.fixture
def machine(tmp_path: Path, archive: Path) -> Machine:
    return bare_machine(tmp_path / "machine", archive)


def laid_over(made: Layer, machine: Machine) -> Path:
    """The machine's root with the layer copied over it, as an arena does."""
    subprocess.run(["cp", "-a", f"{made.path}/.", machine.root], check=True)
    return machine.root


def names(directory: Path) -> list[str]:
    return sorted(path.name for path in directory.iterdir())


def mode(path: Path) -> int:
    return path.stat().st_mode & 0o7777


def snapshot(*directories: str) -> dict[str, tuple[int, int]]:
    found = {}
    for directory in directories:
        for path in (Path(directory), *Path(directory).rglob("*")):
            status = path.lstat()
            found[str(path)] = (status.st_mtime_ns, status.st_size)
    return found


@with_apt
async def test_a_bare_machine_gets_every_command_and_keeps_its_links(
    machine: Machine, cache: Cache, progress: Progress, said: list[str]
) -> None:
    made = await layer(progress, cache=cache, machine=machine)
    assert made.provides == tuple(need.command for need in NEEDS)
    assert set(made.packages) == {f"{package.name}_1.0_all" for package in PACKAGES}
    assert names(made.path) == ["usr"]  # no bin, sbin or lib to put in the place of the machine's links
    root = laid_over(made, machine)
    assert [(root / name).readlink() for name in ("bin", "sbin", "lib")] == [
        Path("usr/bin"),
        Path("usr/sbin"),
        Path("usr/lib"),
    ]
    assert (root / "lib/made-up.so").read_text() == "library"
    assert commands_present(attrs.evolve(machine, root=root)) >= {need.command for need in NEEDS} - {"modprobe"}
    assert (root / "sbin/modprobe").readlink() == Path("/bin/kmod")
    assert not (root / "usr/share/doc").exists() or names(root / "usr/share/doc") == []
    assert any("unpacking iptables" in text for text in said)


@with_apt
async def test_iptables_defaults_to_nft(machine: Machine, cache: Cache, progress: Progress) -> None:
    made = await layer(progress, cache=cache, machine=machine)
    sbin = made.path / "usr/sbin"
    for name in ("iptables", "ip6tables", "iptables-save", "ip6tables-restore", "ebtables", "arptables"):
        family, _, verb = name.partition("-")
        assert (sbin / name).readlink() == Path(f"{family}-nft{'-' if verb else ''}{verb}")
        assert (sbin / name).exists()


@with_apt
async def test_the_layer_is_made_once(machine: Machine, cache: Cache, progress: Progress, said: list[str]) -> None:
    made = await layer(progress, cache=cache, machine=machine)
    gone = attrs.evolve(machine, apt_options=("-o", "Dir::Etc::sourcelist=/nonexistent"))
    said.clear()
    assert await layer(progress, cache=cache, machine=gone) == made
    assert said == []


@with_apt
async def test_only_what_is_missing_is_fetched(machine: Machine, cache: Cache, progress: Progress) -> None:
    have = [package for package in PACKAGES if package.name != "socat"]
    for package in have:
        put_files(machine.root, {path: text for path, text in package.files.items() if "modprobe" not in path})
    put_files(machine.root, programs("sbin/modprobe"))
    made = await layer(progress, cache=cache, machine=machine)
    assert made.packages == ("socat_1.0_all",)
    assert made.provides == ("socat",)


async def test_a_machine_that_lacks_nothing_gets_only_the_links_to_nft(
    machine: Machine, cache: Cache, progress: Progress, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("PATH", "/nonexistent")  # no apt either
    for package in PACKAGES:
        put_files(machine.root, {path: text for path, text in package.files.items() if "modprobe" not in path})
    put_files(machine.root, {**programs("sbin/modprobe"), "usr/sbin/iptables": "->iptables-legacy"})
    made = await layer(progress, cache=cache, machine=machine)
    assert (made.packages, made.provides) == ((), ())
    assert set(names(made.path / "usr/sbin")) >= {"iptables", "iptables-save", "ip6tables"}
    assert (made.path / "usr/sbin/iptables").readlink() == Path("/usr/sbin/iptables-nft")
    assert not {"iptables-nft", "iptables-legacy"} & set(names(made.path / "usr/sbin"))


@with_apt
async def test_a_strict_umask_does_not_close_the_arenas_directories(
    machine: Machine, cache: Cache, progress: Progress
) -> None:
    (machine.root / "usr").chmod(0o751)
    before = os.umask(0o077)
    try:
        made = await layer(progress, cache=cache, machine=machine)
    finally:
        os.umask(before)
    assert mode(made.path) == mode(machine.root)
    assert mode(made.path / "usr") == 0o751
    assert mode(made.path / "usr/lib/cni") == 0o755


@with_apt
async def test_nothing_of_the_machine_is_touched_and_no_hook_of_its_apt_runs(
    machine: Machine, cache: Cache, progress: Progress, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    touched = tmp_path / "hook-ran"
    hooks = tmp_path / "hooks.conf"
    hooks.write_text(
        "".join(
            f'{name} {{ "touch {touched}"; }};\n'
            for name in ("APT::Update::Pre-Invoke", "APT::Update::Post-Invoke-Success", "DPkg::Pre-Invoke")
        )
    )
    monkeypatch.setenv("APT_CONFIG", str(hooks))
    watched = ("/var/lib/apt", "/var/cache/apt", "/var/lib/dpkg", str(machine.root))
    before = snapshot(*watched)
    await layer(progress, cache=cache, machine=machine)
    assert snapshot(*watched) == before
    assert not touched.exists()


@with_apt
async def test_a_failing_apt_is_explained_remembered_and_leaves_nothing(
    machine: Machine, cache: Cache, progress: Progress
) -> None:
    sources = machine.root / "etc/sources.list"
    good = sources.read_text()
    sources.write_text("deb [trusted=yes] copy:/nonexistent ./\n")
    with pytest.raises(LayerUnavailableError) as caught:
        await layer(progress, cache=cache, machine=machine)
    assert caught.value.missing == NEEDS
    for words in (
        "host-local (k3s will not start without this CNI plugin on PATH)",
        "Unable to locate package",
        "apt-get install --no-install-recommends conntrack containernetworking-plugins ethtool",
    ):
        assert words in str(caught.value)
    assert [name for name in names(cache.root) if not name.endswith(("~lock", ".notes"))] == []
    sources.write_text(good)
    with pytest.raises(LayerUnavailableError, match="not tried: less than 10 minutes ago it failed"):
        await layer(progress, cache=cache, machine=machine)
    assert (await layer(progress, cache=cache, machine=machine, refresh=True)).provides


@with_apt
async def test_a_damaged_package_is_refused(tmp_path: Path, cache: Cache, progress: Progress) -> None:
    archive = tmp_path / "archive"
    archive.mkdir()
    build_archive(archive)
    with (archive / "runc_1.0_all.deb").open("ab") as file:
        file.write(b"more")
    with pytest.raises(LayerUnavailableError, match=r"runc_1\.0_all\.deb"):
        await layer(progress, cache=cache, machine=bare_machine(tmp_path / "machine", archive))


@with_apt
async def test_a_package_without_its_command_is_named(tmp_path: Path, cache: Cache, progress: Progress) -> None:
    archive = tmp_path / "archive"
    archive.mkdir()
    others = tuple(package for package in PACKAGES if package.name != "runc")
    build_archive(archive, (*others, Package(name="runc", files=programs("usr/bin/run-c"))))
    with pytest.raises(LayerUnavailableError, match="runc is not in what apt brought for package runc"):
        await layer(progress, cache=cache, machine=bare_machine(tmp_path / "machine", archive))


@with_apt
async def test_extra_packages_come_along(machine: Machine, cache: Cache, progress: Progress) -> None:
    put_files(
        machine.root, {path: text for package in PACKAGES for path, text in package.files.items() if "mod" not in path}
    )
    put_files(machine.root, programs("sbin/modprobe"))
    made = await layer(progress, cache=cache, machine=machine, extra=("socat",))
    assert made.packages == ("socat_1.0_all",)


@pytest.mark.parametrize("lacks", ["apt", "root"])
async def test_a_machine_without_apt_or_root_is_told_what_to_install(
    lacks: str, machine: Machine, cache: Cache, progress: Progress, monkeypatch: pytest.MonkeyPatch
) -> None:
    words = {"apt": "this machine has no apt-get", "root": "only root can unpack"}[lacks]
    if lacks == "apt":
        monkeypatch.setenv("PATH", "/nonexistent")
    else:
        monkeypatch.setattr(shutil, "which", lambda name: f"/usr/bin/{name}")
        monkeypatch.setattr(os, "geteuid", lambda: 1000)
    with pytest.raises(LayerUnavailableError, match=f"(?s){words}.*Install them: apt-get install"):
        await layer(progress, cache=cache, machine=machine)


async def test_where_sbin_is_a_link_inside_usr_the_layer_follows_it(
    tmp_path: Path, cache: Cache, progress: Progress
) -> None:
    root = tmp_path / "machine"
    put_files(root, {f"usr/bin/{need.command}": "x" for need in NEEDS if need.command not in CNI_ONLY})
    put_files(root, {f"usr/lib/cni/{name}": "x" for name in CNI})
    (root / "usr/sbin").symlink_to("bin")
    made = await layer(progress, cache=cache, machine=Machine(root=root))
    assert not (made.path / "usr/sbin").exists()
    assert (made.path / "usr/bin/iptables").readlink() in {
        Path("/usr/sbin/iptables-nft"),
        Path("/usr/bin/iptables-nft"),
    }


def test_a_command_that_cannot_be_executed_is_missing(tmp_path: Path) -> None:
    put_files(tmp_path, programs("usr/bin/socat", "usr/sbin/bridge"))
    (tmp_path / "usr/bin/socat").chmod(0o644)
    machine = Machine(root=tmp_path)
    assert commands_present(machine) == frozenset()  # and iproute2's bridge is not the CNI plugin of that name
    put_files(tmp_path, programs("usr/lib/cni/bridge"))
    assert commands_present(machine) == {"bridge"}


def test_missing_is_what_the_table_has_and_the_machine_has_not() -> None:
    everything = {need.command for need in NEEDS}
    assert missing(everything) == ()
    assert missing(()) == NEEDS
    (only,) = missing(everything - {"conntrack"})
    assert (only.command, only.package) == ("conntrack", "conntrack")


def test_no_command_is_listed_twice() -> None:
    assert len({need.command for need in NEEDS}) == len(NEEDS)


def test_packages_are_named_once_and_sorted() -> None:
    packages = packages_for(NEEDS)
    assert list(packages) == sorted(set(packages))
    assert advice(packages).startswith("apt-get install --no-install-recommends conntrack ")


def test_the_key_tells_machines_apart_and_not_the_order_of_their_packages() -> None:
    key = layer_key(("runc",), ("a", "b"), "ID=debian VERSION_ID=12")
    assert key == layer_key(("runc",), ("b", "a"), "ID=debian VERSION_ID=12")
    assert key != layer_key(("runc", "socat"), ("a", "b"), "ID=debian VERSION_ID=12")
    assert key != layer_key(("runc",), ("a",), "ID=debian VERSION_ID=12")
    assert key != layer_key(("runc",), ("a", "b"), "ID=debian VERSION_ID=13")


def test_all_that_apt_writes_is_private(tmp_path: Path) -> None:
    text = configuration(tmp_path, Path("/var/lib/dpkg/status"))
    for setting in ("Dir::State::lists", "Dir::Cache", "Dir::Cache::archives", "Dir::Log"):
        assert f'{setting} "{tmp_path}/' in text
    assert 'Dir::State::status "/var/lib/dpkg/status"' in text
    assert XTABLES  # the archive's packages have both flavours
