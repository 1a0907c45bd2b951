"""Programs that the tests trace, built on demand and once per session."""

import os
from collections.abc import Iterator
from pathlib import Path

import pytest
from building import Build
from launcher_driver import World, make_world


@pytest.fixture(scope="session")
def build(tmp_path_factory: pytest.TempPathFactory) -> Build:
    """Builds test programs; ``INTERCEPT_TEST_PROGRAMS`` may name a directory that has them already."""
    given = os.environ.get("INTERCEPT_TEST_PROGRAMS")
    return Build(Path(given) if given else tmp_path_factory.mktemp("programs"))


@pytest.fixture
def world(tmp_path: Path) -> Iterator[World]:
    """A tree with real files, a view on it, and an empty layer."""
    made = make_world(tmp_path / "world")
    yield made
    made.remove()
