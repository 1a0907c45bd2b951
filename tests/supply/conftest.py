"""Fixtures: an unreliable web site, an empty cache, and programs that answer like the real ones."""

import inspect
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from unreliable_site import Site

from runner.supply.cache import Cache


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Run the coroutine tests of this directory under trio."""
    for item in items:
        if isinstance(item, pytest.Function) and inspect.iscoroutinefunction(item.function):
            item.add_marker(pytest.mark.trio)


@pytest.fixture
def site(monkeypatch: pytest.MonkeyPatch) -> Iterator[Site]:
    for name in ("http_proxy", "https_proxy", "no_proxy", "all_proxy"):
        monkeypatch.delenv(name, raising=False)
        monkeypatch.delenv(name.upper(), raising=False)
    served = Site()
    yield served
    served.close()


@pytest.fixture
def cache(tmp_path: Path) -> Cache:
    return Cache(root=tmp_path / "cache")


@pytest.fixture
def said() -> list[str]:
    """What progress was told."""
    return []


@pytest.fixture
def progress(said: list[str]) -> Callable[[str, float | None], None]:
    def heard(text: str, fraction: float | None) -> None:
        assert fraction is None or 0 <= fraction <= 1
        said.append(text)

    return heard


@pytest.fixture
def script(tmp_path: Path) -> Callable[..., Path]:
    """Make an executable shell script: ``script("bin/go", "echo hello")``."""

    def make(name: str, text: str, mode: int = 0o755) -> Path:
        path = tmp_path / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(f"#!/bin/sh\n{text}\n")
        path.chmod(mode)
        return path

    return make
