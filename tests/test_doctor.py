"""The doctor tries things: a machine that cannot do one is told so, with what to do, and nothing is changed."""

import json
import os
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from runner.show.checkup import STYLES

ROOT = Path(__file__).parents[1]
IDS = ["root", "machine", "namespaces", "overlay", "ptrace", "runsc", "k3s", "kubernetes", "packages", "memory", "disk"]

pytestmark = pytest.mark.skipif(os.geteuid() != 0, reason="mounts things in namespaces of its own")


@pytest.fixture
def tools(tmp_path: Path) -> Path:
    """A directory that comes first on the machine's PATH."""
    directory = tmp_path / "tools"
    directory.mkdir()
    return directory


def put(tools: Path, name: str, script: str) -> None:
    (tools / name).write_text(f"#!/bin/sh\n{script}\n")
    (tools / name).chmod(0o755)


def doctor(tools: Path, *words: str, **environment: str) -> "subprocess.CompletedProcess[str]":
    return subprocess.run(
        [sys.executable, "-m", "runner", "doctor", *words],
        capture_output=True,
        text=True,
        check=False,
        timeout=60,
        cwd=ROOT,
        env={
            **os.environ,
            "PATH": f"{tools}:/usr/sbin:/usr/bin:/sbin:/bin",
            "XDG_CACHE_HOME": str(tools / "cache"),
            "RUNSC_BIN": "",
            "K3S_BIN": "",
            **environment,
        },
    )


def checks(tools: Path, **environment: str) -> tuple[int, dict[str, dict[str, Any]]]:
    done = doctor(tools, "--json", **environment)
    assert done.stderr == ""
    return done.returncode, {check["id"]: check for check in json.loads(done.stdout)}


def test_every_probe_has_a_state_and_says_what_it_found_and_nothing_is_left_behind(tools: Path) -> None:
    before = Path("/proc/self/mounts").read_text()
    code, found = checks(tools)
    assert list(found) == IDS
    assert {check["state"] for check in found.values()} <= set(STYLES)
    assert all(check["found"] for check in found.values())
    assert code == (4 if any(check["state"] == "fail" for check in found.values()) else 0)
    assert Path("/proc/self/mounts").read_text() == before
    assert not (tools / "cache").exists()


@pytest.mark.parametrize(
    ("script", "state", "says"),
    [
        ("echo 'unshare failed: Operation not permitted' >&2; exit 1", "fail", "Operation not permitted"),
        ("exit 0", "ok", "can be made"),
    ],
)
def test_namespaces_are_tried_and_not_guessed(tools: Path, script: str, state: str, says: str) -> None:
    put(tools, "unshare", script)
    code, found = checks(tools)
    assert (found["namespaces"]["state"], says in found["namespaces"]["found"]) == (state, True)
    assert code == 4 or state == "ok"


def test_what_cannot_be_tried_is_unknown_and_no_failure(tools: Path) -> None:
    code, found = checks(tools, PATH=str(tools))  # nothing is on it, unshare neither
    assert {found[name]["state"] for name in ("namespaces", "overlay")} == {"unknown"}
    assert "could not be tried: [Errno 2]" in found["namespaces"]["found"]
    # Without apt-get either, what fails is that the packages cannot be had.
    assert [name for name, check in found.items() if check["state"] == "fail"] == ["packages"]
    assert code == 4


@pytest.mark.parametrize("variable", ["RUNSC_BIN", "K3S_BIN"])
def test_a_variable_that_names_something_else_fails_and_says_to_correct_it(tools: Path, variable: str) -> None:
    put(tools, "other", "echo something else")
    code, found = checks(tools, **{variable: str(tools / "other")})
    check = found[variable.removesuffix("_BIN").lower()]
    assert (code, check["state"]) == (4, "fail")
    assert variable in check["found"]
    assert check["todo"] == f"correct or unset {variable}"


def test_a_go_that_is_too_old_builds_nothing_and_that_is_said(tools: Path) -> None:
    put(tools, "go", "echo go version go1.18.2 linux/amd64")
    _, found = checks(tools)
    for name in ("runsc", "kubernetes"):
        assert found[name]["state"] == "warn"
        assert "Go 1.18.2 cannot fetch" in found[name]["found"]


def test_a_person_reads_the_same_with_what_to_do_below(tools: Path) -> None:
    put(tools, "unshare", "echo no >&2; exit 1")
    done = doctor(tools)
    assert done.returncode == 4
    lines = [line.split() for line in done.stdout.splitlines()]
    assert [words[1] for words in lines if words[0] in STYLES] == IDS
    assert "→ allow namespaces" in done.stdout
