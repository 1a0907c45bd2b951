"""Compiles the programs that the tests trace, each at most once into a directory."""

import os
import shutil
import subprocess
from pathlib import Path

import pytest

PROGRAMS = Path(__file__).parent / "programs"


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
