"""The package layer: a directory tree with what an arena's root needs and the machine lacks, made once and cached.

The arena's root is a copy-on-write layer over the machine's, and the machine itself is never changed: so what is
missing is laid over it. The tree has the shape of the machine: where ``/lib`` or ``/sbin`` is a link, the tree has no
such name at all, or the overlay would put a directory in the link's place and hide the C library. What packages'
scripts would have done is done here: the links of update-alternatives, with iptables in its nft flavour, as on the
original's machine, whatever flavour this one defaults to. Nothing is mounted or copied here.
"""

import hashlib
import json
import os
import re
import shutil
import stat
from pathlib import Path

import attrs
import trio

from runner.supply import needs
from runner.supply.apt import AptError, FetchError, download, unpack
from runner.supply.cache import Cache, Claim, Entry
from runner.supply.supplied import Progress

FORMAT = 1
"""Raised when the tree is made differently, so that older ones are not used."""

FAILURE_REMEMBERED_S = 600.0
LAYER_KEPT_S = 14 * 24 * 3600.0
"""A layer that was not used for so long is dropped when another is made: each package installed on the machine asks for
a new one."""

_MAYBE_LINKS = ("bin", "sbin", "lib", "lib32", "lib64", "libx32", "usr/sbin", "usr/lib64")
_NFT_LINKS = {
    f"{family}tables{action}": f"{family}tables-nft{action}"
    for family in ("ip", "ip6")
    for action in ("", "-save", "-restore")
}
_LINKS_IF_ABSENT = {"ebtables": "ebtables-nft", "arptables": "arptables-nft"}
_PACKAGE = re.compile(r"^Package: (\S+)$", re.MULTILINE)


@attrs.frozen(kw_only=True)
class Machine:
    """Where the machine keeps what is looked at; other places are for tests.

    Attributes:
        root: Top of the file system that the layer will be laid over.
        search_path: Directories of commands in the arena, first one first.
        cni_path: Directories of CNI plugins.
        apt_options: More options for apt-get.
    """

    root: Path = Path("/")
    search_path: tuple[str, ...] = ("usr/local/sbin", "usr/local/bin", "usr/sbin", "usr/bin", "sbin", "bin")
    cni_path: tuple[str, ...] = ("usr/lib/cni",)
    apt_options: tuple[str, ...] = ()

    @property
    def status(self) -> Path:
        """The list of installed packages, as dpkg keeps it."""
        return self.root / "var/lib/dpkg/status"


@attrs.frozen(kw_only=True)
class Layer:
    """A tree to lay over the machine's root.

    Attributes:
        path: Its top; it has the owner and mode of a root directory.
        packages: The package files unpacked in it, without ``.deb``; none when only links were needed.
        provides: The commands that it adds.
    """

    path: Path
    packages: tuple[str, ...]
    provides: tuple[str, ...]


class LayerUnavailableError(Exception):
    """The machine lacks commands, and they cannot be fetched here; the text lists them and says how to get them.

    Attributes:
        missing: What is lacking.
    """

    def __init__(self, message: str, lacking: tuple[needs.Need, ...]) -> None:
        super().__init__(message)
        self.missing = lacking


def commands_present(machine: Machine = Machine(), more: tuple[needs.Need, ...] = ()) -> frozenset[str]:
    """The commands of the table, and of ``more``, that an arena over this machine finds without any layer."""
    found = set()
    for need in (*needs.NEEDS, *more):
        places = machine.cni_path if need.command in needs.CNI_ONLY else machine.search_path
        if _find(machine.root, places, need.command) is not None:
            found.add(need.command)
    return frozenset(found)


def layer_key(packages: tuple[str, ...], installed: tuple[str, ...], distribution: str) -> str:
    """The cache key of the layer of some packages on a machine with these installed."""
    text = json.dumps([FORMAT, packages, sorted(installed), distribution])
    return f"layer-{hashlib.sha256(text.encode()).hexdigest()[:32]}"


async def layer(
    progress: Progress,
    *,
    cache: Cache | None = None,
    machine: Machine = Machine(),
    extra: tuple[str, ...] = (),
    more: tuple[needs.Need, ...] = (),
    refresh: bool = False,
) -> Layer:
    """The layer for this machine, from the cache or made now (about ten seconds).

    Args:
        progress: Told what goes on.
        cache: None for the user's.
        machine: What the layer is for.
        extra: Packages wanted besides those that have the missing commands.
        more: Needs of the chosen workload besides those of the table.
        refresh: Try even if it failed a moment ago.

    Raises:
        LayerUnavailableError: Something is missing and cannot be fetched.
        CacheError: The cache cannot be used.
    """
    cache = cache or Cache.of_user()
    lacking = needs.missing(commands_present(machine, more), more)
    packages = tuple(sorted({*needs.packages_for(lacking), *extra}))
    key = layer_key(packages, _installed(machine), _distribution(machine))
    entry = cache.entry(key)
    if entry is None:
        try:
            _refuse_early(key, packages, cache, refresh=refresh)
            async with cache.claim(key, progress) as claim:
                entry = cache.entry(key) or await _make(claim, packages, lacking, machine, progress)
        except AptError as error:
            if isinstance(error, FetchError):
                cache.remember(key, str(error))
            raise LayerUnavailableError(_complaint(lacking, packages, str(error)), lacking) from error
        cache.forget(key)
        await cache.prune("layer-", LAYER_KEPT_S, progress)
    cache.use(entry)
    unpacked, provides = (tuple(entry.facts.get(name, "").split()) for name in ("packages", "provides"))
    return Layer(path=entry.path / "tree", packages=unpacked, provides=provides)


def _refuse_early(key: str, packages: tuple[str, ...], cache: Cache, *, refresh: bool) -> None:
    if not packages:
        return
    known = None if refresh else cache.recall(key, FAILURE_REMEMBERED_S)
    if known is not None:
        raise AptError(f"not tried: less than {FAILURE_REMEMBERED_S / 60:g} minutes ago it failed: {known}")
    if shutil.which("apt-get") is None or shutil.which("dpkg-deb") is None:
        raise AptError("this machine has no apt-get and dpkg-deb to fetch packages with")
    if os.geteuid() != 0:
        raise AptError("only root can unpack packages with their owners")


def _complaint(lacking: tuple[needs.Need, ...], packages: tuple[str, ...], why: str) -> str:
    return (
        f"the arena needs commands that this machine lacks:\n{needs.explain(lacking)}\n"
        f"and they cannot be fetched into a layer: {why}\nInstall them: {needs.advice(packages)}"
    )


async def _make(
    claim: Claim, packages: tuple[str, ...], lacking: tuple[needs.Need, ...], machine: Machine, progress: Progress
) -> Entry:
    scratch = claim.scratch()
    private, tree = scratch / "apt", scratch / "tree"
    private.mkdir()
    links = _begin(tree, machine)
    names: list[str] = []
    if packages:
        progress(f"packages: fetching {' '.join(packages)}", 0.0)
        files = await download(
            packages,
            private=private,
            status=machine.status,
            options=machine.apt_options,
            progress=progress,
            keep_open=(claim.lock_fd,),
        )
        for number, file in enumerate(files):
            progress(f"packages: unpacking {file.name}", 0.5 + 0.5 * number / len(files))
            await unpack(file, tree=tree, work=private, keep_open=(claim.lock_fd,))
            names.append(file.stem)
    _link_iptables(tree, machine)
    provides = tuple(need.command for need in lacking if _brought(tree, machine, need))
    for need in lacking:
        if need.command not in provides:
            raise AptError(f"{need.command} is not in what apt brought for package {need.package}")
    _finish(tree, links, machine)
    await trio.to_thread.run_sync(shutil.rmtree, private)
    return await claim.publish(scratch, {"packages": " ".join(names), "provides": " ".join(provides)})


def _begin(tree: Path, machine: Machine) -> tuple[Path, ...]:
    """Make the tree's top with the machine's own links, so that unpacking follows them; they go away at the end."""
    tree.mkdir()
    links = []
    for name in _MAYBE_LINKS:
        there = machine.root / name
        if there.is_symlink():
            target = there.readlink()
            link = tree / name
            link.parent.mkdir(parents=True, exist_ok=True)
            if target.is_absolute():
                target = Path(os.path.relpath(tree / target.relative_to("/"), link.parent))
            (link.parent / target).mkdir(parents=True, exist_ok=True)
            link.symlink_to(target)
            links.append(link)
    return tuple(links)


def _finish(tree: Path, links: tuple[Path, ...], machine: Machine) -> None:
    for link in links:
        target = link.resolve()
        link.unlink()
        if not any(target.iterdir()):
            target.rmdir()
    for directory, _, _ in os.walk(tree):
        # Laid over a root, a directory brings its own mode: ours depend on the umask, a package's on its maker.
        theirs = machine.root / Path(directory).relative_to(tree)
        like = theirs.stat() if theirs.is_dir() else None
        Path(directory).chmod(stat.S_IMODE(like.st_mode) if like is not None else 0o755)
        if like is not None:
            os.chown(directory, like.st_uid, like.st_gid)


def _link_iptables(tree: Path, machine: Machine) -> None:
    place = tree / "usr/sbin"
    place.mkdir(parents=True, exist_ok=True)
    for name, target in (*_NFT_LINKS.items(), *_LINKS_IF_ABSENT.items()):
        if name in _LINKS_IF_ABSENT and _find(machine.root, machine.search_path, name) is not None:
            continue
        if os.path.lexists(place / target):
            to = target
        elif (there := _find(machine.root, machine.search_path, target)) is not None:
            to = f"/{there.relative_to(machine.root)}"
        else:
            continue
        (place / name).unlink(missing_ok=True)
        (place / name).symlink_to(to)


def _brought(tree: Path, machine: Machine, need: needs.Need) -> bool:
    places = machine.cni_path if need.command in needs.CNI_ONLY else machine.search_path
    # A link counts: modprobe is one to /bin/kmod, which only means the tree's when the tree is laid over a root.
    return any(os.path.lexists(tree / place / need.command) for place in places)


def _find(root: Path, places: tuple[str, ...], name: str) -> Path | None:
    for place in places:
        path = root / place / name
        if path.is_file() and os.access(path, os.X_OK):
            return path
    return None


def _installed(machine: Machine) -> tuple[str, ...]:
    """Names of the installed packages; none on a machine without dpkg."""
    try:
        text = machine.status.read_text(errors="replace")
    except OSError:
        return ()
    stanzas = (stanza for stanza in text.split("\n\n") if "\nStatus: install ok installed\n" in stanza)
    return tuple(match[1] for stanza in stanzas if (match := _PACKAGE.search(stanza)))


def _distribution(machine: Machine) -> str:
    try:
        lines = (machine.root / "etc/os-release").read_text(errors="replace").splitlines()
    except OSError:
        return "unknown"
    return " ".join(sorted(line for line in lines if line.startswith(("ID=", "VERSION_ID="))))
