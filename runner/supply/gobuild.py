"""Build runsc from gVisor's own Go module, for machines that reach a Go module proxy but not the release site.

The toolchain belongs to the pin: a gVisor built with a newer Go than it was written for compiles or not, and if it
does, the sandbox dies silently a second into k3s (seen with two pins of 2025). So each known pin names its toolchain,
and Go fetches that one when the installed one is of another series. ``go install`` of the module was chosen over the
repository's own build, which needs Bazel in a container. Where the result is kept is the caller's business.
"""

import os
import re
import shutil
from collections.abc import Mapping, Sequence
from pathlib import Path

from runner.supply.commands import Finished, run
from runner.supply.supplied import Progress

MODULE = "gvisor.dev/gvisor"
PACKAGE = f"{MODULE}/runsc"
NEWEST_PIN = "v0.0.0-20260905035102-160fafc42237"
TOOLCHAINS: Mapping[str, str] = {
    "v0.0.0-20250503011706-39ed1f5ac29c": "go1.24.9",
    "v0.0.0-20251031020517-ecfcdd2f171c": "go1.25.4",
    NEWEST_PIN: "go1.26.8",
}
BUILD_TIMEOUT_S = 20 * 60.0
FIRST_GO_WITH_TOOLCHAINS = (1, 21)
PACKAGES_IN_RUNSC = 495

_GO_VERSION = re.compile(r"go version go(\d+)\.(\d+)(?:\.(\d+))?")
_USUAL_PLACES = (Path("/usr/local/go/bin/go"), Path("/usr/lib/go/bin/go"))


class BuildError(Exception):
    """runsc cannot be built here; the text says why and what to do."""


def find_go(environ: Mapping[str, str]) -> Path | None:
    """The go command on PATH, or where Go's own installer puts it."""
    named = shutil.which("go", path=environ.get("PATH", os.defpath))
    if named is not None:
        return Path(named)
    return next((place for place in _USUAL_PLACES if os.access(place, os.X_OK)), None)


def choose_toolchain(pin: str, installed: tuple[int, int, int], named: str = "") -> str:
    """The GOTOOLCHAIN to build a pin with: ``local`` where the installed Go is of the pin's series and not older.

    Args:
        pin: Module version.
        installed: The installed Go.
        named: The toolchain of a pin that is not in the table.

    Raises:
        BuildError: The pin is unknown, or the installed Go is too old to fetch another.
    """
    wanted = TOOLCHAINS.get(pin, named)
    if not wanted:
        known = ", ".join(TOOLCHAINS)
        raise BuildError(f"{pin}: no Go toolchain is known for this version of gVisor; known are {known}")
    if installed[:2] == _numbers(wanted)[:2]:
        return "local" if installed >= _numbers(wanted) else wanted
    return _fetched(wanted, installed, "this gVisor")


def choose_local_or(oldest: str, installed: tuple[int, int, int], what: str) -> str:
    """The GOTOOLCHAIN for a module that any newer Go compiles too: ``local``, or ``oldest`` where the installed Go is older.

    Raises:
        BuildError: The installed Go is too old to fetch another.
    """
    return "local" if installed >= _numbers(oldest) else _fetched(oldest, installed, what)


def _numbers(toolchain: str) -> tuple[int, ...]:
    return tuple(int(part) for part in toolchain.removeprefix("go").split("."))


def _fetched(toolchain: str, installed: tuple[int, int, int], what: str) -> str:
    if installed[:2] < FIRST_GO_WITH_TOOLCHAINS:
        have = ".".join(map(str, installed))
        raise BuildError(f"Go {have} cannot fetch {toolchain}, which {what} needs; install Go 1.21 or later")
    return toolchain


async def build_runsc(
    pin: str,
    *,
    into: Path,
    environ: Mapping[str, str],
    progress: Progress,
    keep_open: Sequence[int] = (),
    toolchain: str = "",
) -> Path:
    """Build the pinned runsc into a directory; about a minute on two cores, seconds with Go's caches warm.

    Args:
        pin: Module version.
        into: Existing directory.
        environ: Environment; Go's own variables in it (GOPROXY, GOFLAGS, ...) hold.
        progress: Told what is compiled.
        keep_open: Descriptors that the compiler inherits, see ``commands.run``.
        toolchain: The Go for a pin that is not in TOOLCHAINS.

    Returns:
        Path of the executable, not yet run.

    Raises:
        BuildError: No Go, the wrong Go, no module proxy, no space, or it does not compile.
    """
    go = find_go(environ)
    if go is None:
        raise BuildError("there is no go command on PATH; install Go (https://go.dev/dl/), or set RUNSC_BIN to a runsc")
    toolchain = choose_toolchain(pin, await installed_go(go, environ), toolchain)
    settings = {name: value for name, value in environ.items() if name not in {"GOOS", "GOARCH", "GO111MODULE"}}
    settings |= {"CGO_ENABLED": "0", "GOBIN": str(into), "GOTOOLCHAIN": toolchain, "GOWORK": "off"}
    counter = _Counter(progress)
    progress(f"building runsc {pin} with Go (about a minute)", 0.0)
    finished = await run(
        [go, "install", "-v", "-trimpath", f"{PACKAGE}@{pin}"],
        timeout_s=BUILD_TIMEOUT_S,
        environ=settings,
        cwd=into,
        heard=counter.heard,
        keep_open=keep_open,
    )
    built = into / "runsc"
    if finished.returncode != 0 or not built.is_file():
        raise BuildError(why_failed(finished, "go install", toolchain, BUILD_TIMEOUT_S))
    return built


class _Counter:
    """Turns the lines of ``go install -v`` into progress; the total is that of a build from nothing."""

    def __init__(self, progress: Progress) -> None:
        self._progress = progress
        self._packages = 0

    def heard(self, line: str) -> None:
        if line.startswith("go: downloading "):
            self._progress(f"building runsc: {line.removeprefix('go: ')}", None)
        elif " " not in line:
            self._packages += 1
            self._progress(f"building runsc: {line}", min(self._packages / PACKAGES_IN_RUNSC, 0.99))


async def installed_go(go: Path, environ: Mapping[str, str]) -> tuple[int, int, int]:
    """The version of the go command, not of a toolchain that it would fetch.

    Raises:
        BuildError: It is not Go.
    """
    try:
        finished = await run([go, "version"], timeout_s=20, environ={**environ, "GOTOOLCHAIN": "local"})
    except OSError as error:
        raise BuildError(f"{go} cannot be run: {error.strerror}; reinstall Go, or take it off PATH") from error
    for line in finished.lines:
        if match := _GO_VERSION.match(line):
            return int(match[1]), int(match[2]), int(match[3] or 0)
    raise BuildError(f"{go} is not Go: its answer to 'go version' is {finished.last_words[:100]!r}")


_ADVICE = (
    (re.compile(r"no space left on device|disk quota exceeded", re.IGNORECASE), "the disk is full; free some space"),
    (
        re.compile(r"dial tcp|no such host|i/o timeout|connection refused|proxyconnect|module lookup disabled"),
        "no Go module proxy answers; check the network, or set GOPROXY (or HTTPS_PROXY) to one that does",
    ),
    (
        re.compile(r"checksum mismatch|SECURITY ERROR"),
        "the module proxy sent something else than Go's checksum database knows",
    ),
    (re.compile(r"toolchain not available|requires go >= "), "Go cannot get the toolchain that this needs"),
    (re.compile(r"signal: killed|cannot allocate memory"), "the compiler was killed: too little memory?"),
)


def why_failed(finished: Finished, command: str, toolchain: str, timeout_s: float) -> str:
    """Why a go command failed, in words, with what the user can do about it."""
    said = finished.last_words or "it said nothing"
    if finished.returncode is None:
        return f"{command} did not end within {timeout_s / 60:g} minutes; last words: {said}"
    advice = next((text for pattern, text in _ADVICE if pattern.search(said)), "see its words")
    return f"{command} (GOTOOLCHAIN={toolchain}) failed with exit code {finished.returncode}: {advice}:\n{said}"
