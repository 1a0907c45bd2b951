"""Programs that the tests trace, built on demand and once per session."""

import os
import shutil
import subprocess
from collections.abc import Iterator
from pathlib import Path

import pytest
from launcher_driver import World, make_world

PROGRAMS = Path(__file__).parent / "programs"


@pytest.fixture(scope="session")
def build(tmp_path_factory: pytest.TempPathFactory) -> "Build":
    """Builds test programs; ``INTERCEPT_TEST_PROGRAMS`` may name a directory that has them already."""
    given = os.environ.get("INTERCEPT_TEST_PROGRAMS")
    return Build(Path(given) if given else tmp_path_factory.mktemp("programs"))


class Build:
    """Compilers, and what they made so far."""

    def __init__(self, directory: Path) -> None:
        self._directory = directory

    def c(self, name: str, *, static: bool) -> str:
        """Path of a C program."""
        target = self._directory / f"{name}-{'static' if static else 'dynamic'}"
        link = ["-static"] if static else []
        return self._make(target, ["gcc", "-O1", *link, "-pthread", "-o", str(target), str(PROGRAMS / f"{name}.c")])

    def go(self, name: str) -> str:
        """Path of a static Go program."""
        target = self._directory / name
        return self._make(target, ["go", "build", "-o", str(target), "."], PROGRAMS / name)

    def _make(self, target: Path, command: list[str], directory: Path = PROGRAMS) -> str:
        if not target.exists():
            if shutil.which(command[0]) is None:
                pytest.skip(f"needs {command[0]} to build {target.name}")
            environment = {**os.environ, "CGO_ENABLED": "0", "GO111MODULE": "off", "GOTOOLCHAIN": "local"}
            subprocess.run(command, check=True, env=environment, cwd=directory)
        return str(target)


@pytest.fixture
def world(tmp_path: Path) -> Iterator[World]:
    """A tree with real files, a view on it, and an empty layer."""
    made = make_world(tmp_path / "world")
    yield made
    made.remove()
