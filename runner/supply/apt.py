"""Let the machine's own apt fetch packages, and unpack them into a directory, without changing anything of the machine.

apt knows the machine's mirrors, proxies, keys and pinning, so it is the machine's apt that downloads; but lists,
cache, log and locks are private, the hooks that distributions and images put into apt's configuration are cleared
(some refresh databases or delete the machine's own cache), and nothing is installed: dependencies are resolved
against the machine's list of installed packages, and the files are unpacked elsewhere. (Sources of the kind file: do
not work: apt does not copy from them.) Maintainer scripts do not run; what they would have done is the layer's
business.
"""

import os
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path

from runner.supply.cache import explained
from runner.supply.commands import Finished, run
from runner.supply.supplied import Progress

APT_TIMEOUT_S = 300.0
UNPACK_TIMEOUT_S = 120.0

_HOOKS = (
    "APT::Update::Pre-Invoke",
    "APT::Update::Post-Invoke",
    "APT::Update::Post-Invoke-Success",
    "DPkg::Pre-Invoke",
    "DPkg::Post-Invoke",
    "DPkg::Pre-Install-Pkgs",
)
_LEFT_OUT = ("doc", "man", "locale", "lintian", "info", "bash-completion", "bug")
# A file between the two, for the shell of a minimal system cannot tell that the first half of a pipe failed.
_UNPACK = """set -e
dpkg-deb --fsys-tarfile "$1" > "$2"
tar --extract --file "$2" --directory "$3" --keep-directory-symlink --preserve-permissions --numeric-owner $4
rm -f "$2"
"""


class AptError(Exception):
    """The packages cannot be had this way; the text gives apt's own words."""


class FetchError(AptError):
    """Downloading failed: mirrors, network, or names that the mirrors do not have."""


def configuration(private: Path, status: Path) -> str:
    """An apt configuration that reads the machine's sources and status, and writes only below ``private``."""
    clears = "".join(f"#clear {name};\n" for name in _HOOKS)
    settings = {
        "Dir::State": private / "state",
        "Dir::State::lists": private / "lists",
        "Dir::State::status": status,
        "Dir::Cache": private / "cache",
        "Dir::Cache::archives": private / "archives",
        "Dir::Log": private / "log",
        "APT::Sandbox::User": "root",  # apt's own user may not write below a private directory
        "APT::Get::List-Cleanup": "false",
        "Acquire::Languages": "none",
        "Acquire::IndexTargets::deb::DEP-11::DefaultEnabled": "false",
        "Acquire::Retries": "1",
        "Acquire::http::Timeout": "10",
        "Acquire::https::Timeout": "10",
        "Debug::NoLocking": "true",  # nothing shared is written, so an apt at work elsewhere is no obstacle
    }
    return clears + "".join(f'{name} "{value}";\n' for name, value in settings.items())


async def download(
    packages: Sequence[str],
    *,
    private: Path,
    status: Path,
    options: Sequence[str],
    progress: Progress,
    keep_open: Sequence[int],
) -> tuple[Path, ...]:
    """Download packages and those of their dependencies that the machine lacks.

    Args:
        packages: Names.
        private: An existing directory for everything that apt writes.
        status: dpkg's list of what is installed.
        options: More options for apt-get.
        progress: Told what is fetched.
        keep_open: Descriptors that apt inherits, see ``commands.run``.

    Returns:
        The .deb files, sorted.

    Raises:
        FetchError: The mirrors do not give them.
        AptError: apt cannot be run, or does not end.
        CacheError: The disk is full or refuses.
    """
    with explained(private):
        for name in ("state", "lists/partial", "cache", "archives/partial", "log"):
            (private / name).mkdir(parents=True, exist_ok=True)
        written = private / "apt.conf"
        written.write_text(configuration(private, status))
    apt = ["apt-get", "-c", str(written), "-q", *options]

    def heard(line: str) -> None:
        if line.startswith("Get:"):
            progress(f"packages: {line}", None)

    updated = await _apt([*apt, "update"], heard, keep_open)
    wanted = [*apt, "install", "--yes", "--no-install-recommends", "--no-remove", "--download-only", *packages]
    installed = await _apt(wanted, heard, keep_open)
    if installed.returncode != 0:
        said = "\n".join(line for line in (*updated.lines, *installed.lines) if line.startswith(("E:", "W:", "Err:")))
        raise FetchError(f"apt-get cannot download {' '.join(packages)}:\n{said or installed.last_words}")
    return tuple(sorted((private / "archives").glob("*.deb")))


async def _apt(argv: Sequence[str], heard: Callable[[str], None], keep_open: Sequence[int]) -> Finished:
    try:
        finished = await run(argv, timeout_s=APT_TIMEOUT_S, environ=_environ(), heard=heard, keep_open=keep_open)
    except OSError as error:
        raise AptError(f"apt-get cannot be run: {error.strerror}") from error
    if finished.returncode is None:
        raise AptError(f"apt-get did not end within {APT_TIMEOUT_S:g} s: {finished.last_words}")
    return finished


async def unpack(package: Path, *, tree: Path, work: Path, keep_open: Sequence[int]) -> None:
    """Unpack one .deb's files (documentation left out) over a tree, following links to directories in it.

    Raises:
        AptError: The package is damaged, a tool is missing, or the disk is full.
    """
    excludes = " ".join(f"--exclude=./usr/share/{name}" for name in _LEFT_OUT)
    argv: list[str | Path] = ["sh", "-c", _UNPACK, "unpack", package, work / "files.tar", tree, excludes]
    finished = await run(argv, timeout_s=UNPACK_TIMEOUT_S, environ=_environ(), keep_open=keep_open)
    if finished.returncode != 0:
        raise AptError(f"{package.name} cannot be unpacked: {finished.last_words or 'it took too long'}")


def _environ() -> Mapping[str, str]:
    return {**os.environ, "LC_ALL": "C", "DEBIAN_FRONTEND": "noninteractive"}
