"""Build programs from a ``go.mod`` that this package ships, so that everything they are made of is pinned and checked.

``go install PACKAGE@VERSION`` cannot build Kubernetes: its own ``go.mod`` replaces its libraries by directories that are in
no module. So each recipe is a module of ours, under ``modules/NAME-VERSION``, that requires the programs as tools and
replaces the libraries by their published versions; ``go.sum`` makes any other content than the known one an error.
Where the result is kept is the caller's business.
"""

import shutil
from collections.abc import Mapping, Sequence
from importlib.resources import as_file, files
from pathlib import Path

import attrs

from runner.supply.commands import run
from runner.supply.gobuild import BuildError, choose_local_or, find_go, installed_go, why_failed
from runner.supply.supplied import Progress

BUILD_TIMEOUT_S = 60 * 60.0
# Without a terminal only news without a percentage is shown: a line a minute is enough there.
SAY_EVERY = 500


@attrs.frozen(kw_only=True)
class Program:
    """One executable: its file name and its Go package."""

    name: str
    package: str


@attrs.frozen(kw_only=True)
class Recipe:
    """What is built from one shipped module.

    Attributes:
        name: ``NAME-VERSION``: the module's directory below ``modules``, and part of the cache key.
        version: What the programs must say of themselves, without the leading ``v``.
        programs: What is built; of several, each is named after its package.
        toolchain: The oldest Go that compiles it, fetched where the installed one is older.
        stamps: Linker variables that make the programs report their true version.
        packages: How many packages a build from nothing compiles, for the progress.
        takes: How long that takes, in words.
    """

    name: str
    version: str
    programs: tuple[Program, ...]
    toolchain: str
    stamps: Mapping[str, str]
    packages: int
    takes: str


@attrs.frozen(kw_only=True)
class Go:
    """A go command that can build a recipe, with the GOTOOLCHAIN to do it with."""

    command: Path
    toolchain: str


async def go_for(recipe: Recipe, environ: Mapping[str, str]) -> Go:
    """Find out whether a recipe can be built here, without building anything.

    Raises:
        BuildError: No Go, or the wrong Go.
    """
    command = find_go(environ)
    if command is None:
        raise BuildError("there is no go command on PATH; install Go (https://go.dev/dl/)")
    installed = await installed_go(command, environ)
    return Go(command=command, toolchain=choose_local_or(recipe.toolchain, installed, recipe.name))


async def build(
    recipe: Recipe,
    go: Go,
    *,
    into: Path,
    environ: Mapping[str, str],
    progress: Progress,
    keep_open: Sequence[int] = (),
) -> tuple[Path, ...]:
    """Build a recipe's programs into a directory.

    Args:
        recipe: What to build.
        go: What with.
        into: Existing directory; a directory ``source`` in it is made and removed again.
        environ: Environment; Go's own variables in it (GOPROXY, GOFLAGS, ...) hold.
        progress: Told what is compiled.
        keep_open: Descriptors that the compiler inherits, see ``commands.run``.

    Returns:
        The executables, in the recipe's order, not yet run.

    Raises:
        BuildError: No module proxy, no space, or it does not compile.
        OSError: The directory cannot be written.
    """
    source = into / "source"
    with as_file(files("runner.supply").joinpath("modules", recipe.name)) as shipped:
        shutil.copytree(shipped, source)
    settings = {name: value for name, value in environ.items() if name not in {"GOOS", "GOARCH", "GO111MODULE"}}
    # Without cgo: no C compiler is needed, and the programs run whatever C library lies under them.
    settings |= {"CGO_ENABLED": "0", "GOTOOLCHAIN": go.toolchain, "GOWORK": "off"}
    stamps = " ".join(f"-X {variable}={value}" for variable, value in recipe.stamps.items())
    flags = ("-v", "-trimpath", "-mod=readonly", "-buildvcs=false", f"-ldflags=-s -w {stamps}".rstrip())
    counter = _Counter(recipe, progress)
    progress(f"building {recipe.name} with Go ({recipe.takes})", None)
    # All in one go: while one program is linked, which uses one core, the other cores compile.
    alone = len(recipe.programs) == 1
    finished = await run(
        [
            go.command,
            "build",
            *flags,
            "-o",
            into / recipe.programs[0].name if alone else f"{into}/",
            *(program.package for program in recipe.programs),
        ],
        timeout_s=BUILD_TIMEOUT_S,
        environ=settings,
        cwd=source,
        heard=counter.heard,
        keep_open=keep_open,
    )
    built = tuple(into / program.name for program in recipe.programs)
    if finished.returncode != 0 or not all(path.is_file() for path in built):
        raise BuildError(why_failed(finished, "go build", go.toolchain, BUILD_TIMEOUT_S))
    shutil.rmtree(source)
    return built


class _Counter:
    """Turns the lines of ``go build -v`` into progress."""

    def __init__(self, recipe: Recipe, progress: Progress) -> None:
        self._recipe = recipe
        self._progress = progress
        self._packages = 0

    def heard(self, line: str) -> None:
        what = f"building {self._recipe.name}"
        share = min(self._packages / self._recipe.packages, 0.99)
        if line.startswith("go: downloading "):
            self._progress(f"{what}: {line.removeprefix('go: ')}", share)
        elif " " not in line:
            self._packages += 1
            self._progress(f"{what}: {line}", share)
            if self._packages % SAY_EVERY == 0:
                self._progress(f"{what}: {self._packages} of about {self._recipe.packages} packages compiled", None)
