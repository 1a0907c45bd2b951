"""Which kernels are gVisor's, by what they say of themselves."""

import platform
from pathlib import Path

import pytest

from runner.host.arena_facts import inside_gvisor


@pytest.mark.parametrize(
    ("release", "version", "directory", "expected"),
    [
        ("4.19.0-gvisor", "Linux version 4.19.0-gvisor #1 SMP Sun Jan 10 15:06:54 PST 2016", False, True),
        ("4.4.0", "Linux version 4.4.0 #1 SMP Sun Jan 10 15:06:54 PST 2016", False, True),
        ("4.19.0", "Linux version 4.19.0 #1 SMP", True, True),
        ("6.1.0-13-amd64", "Linux version 6.1.0-13-amd64 (gcc-12) #1 SMP Debian 6.1.55-1 (2023-09-29)", False, False),
    ],
    ids=["2026", "2022 and 2025", "its directory", "plain Linux"],
)
def test_gvisor_is_known_by_its_name_its_build_or_its_directory(
    *, release: str, version: str, directory: bool, expected: bool, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(platform, "release", lambda: release)
    (tmp_path / "version").write_text(f"{version}\n")
    if directory:
        (tmp_path / "gvisor").mkdir()
    assert inside_gvisor(tmp_path) is expected
    assert inside_gvisor(tmp_path / "nothing") is ("gvisor" in release)
