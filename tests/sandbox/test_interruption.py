"""A run can be ended at any moment: the machine is as before, and the evidence is on disk."""

import json
import os
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from command import ROOT, RUNNER, alive, environment, family, in_sandbox, runner, traces

pytestmark = pytest.mark.sandbox

# Long enough for a sandbox on a busy machine; nothing waits for it when things go right.
WITHIN_S = 60


def begin(results: Path, *words: str) -> "subprocess.Popen[str]":
    """A run that would last: the stand-in without its CNI stub repeats itself for ever; here that is no blocker."""
    return subprocess.Popen(
        [*RUNNER, "run", "exp13", "--workload", "standin", "--results", str(results), *words],
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        env=environment(),
        cwd=ROOT,
    )


def wait_until(what: str, condition: Any) -> None:
    """Poll a condition of another process; fails by name when it never comes."""
    end = time.monotonic() + WITHIN_S
    while not condition():
        assert time.monotonic() < end, f"waited {WITHIN_S} s for: {what}"
        os.sched_yield()


def read_until(process: "subprocess.Popen[str]", text: str) -> None:
    """Read progress until a line holds ``text``."""
    assert process.stderr is not None
    for line in process.stderr:
        if text in line:
            return
    raise AssertionError(f"the run ended before it said {text!r}")


def result_in(results: Path) -> dict[str, Any]:
    """The newest run's result."""
    document: dict[str, Any] = json.loads((results / "exp13/latest/result.json").read_text())
    return document


@pytest.fixture
def started(tmp_path: Path) -> "Iterator[subprocess.Popen[str]]":
    """One run that goes on until somebody ends it."""
    process = begin(tmp_path, "--keep")
    yield process
    process.kill()
    process.communicate(timeout=WITHIN_S)


@pytest.mark.parametrize("moment", ["step cgroup-v1", "workload started", "milestone apiserver-serving"])
def test_ctrl_c_stops_undoes_and_keeps_the_evidence(
    tmp_path: Path, started: "subprocess.Popen[str]", moment: str
) -> None:
    before = traces()
    read_until(started, moment)
    members = family(started.pid)
    started.send_signal(signal.SIGINT)
    _, rest = started.communicate(timeout=WITHIN_S)
    assert started.returncode == 130, rest
    result = result_in(tmp_path)
    assert result["ended_by"]["reason"] == "interrupted"
    assert result["state"] == "finished"
    wait_until("the sandbox to be gone", lambda: not alive(members))
    assert traces() == before


@pytest.mark.parametrize("moment", ["step cgroup-v1", "workload started", "milestone node-registered"])
def test_kill_9_of_the_runner_leaves_no_process_no_mount_and_a_whole_result(
    tmp_path: Path, started: "subprocess.Popen[str]", moment: str
) -> None:
    before = traces()
    read_until(started, moment)
    members = family(started.pid)
    assert any("runsc" in words for words in members.values())
    started.kill()
    started.communicate(timeout=WITHIN_S)
    wait_until("the sandbox to be gone", lambda: not alive(members))
    assert traces() == before
    assert result_in(tmp_path)["state"] == "running"
    assert (tmp_path / "exp13/latest/events.jsonl").read_text().count("\n") > 1


def test_kill_9_of_the_sandbox_is_reported_as_a_broken_harness_with_the_evidence_kept(
    tmp_path: Path, started: "subprocess.Popen[str]"
) -> None:
    read_until(started, "milestone apiserver-serving")
    # The sandbox's own kernel process: what an out-of-memory kill outside would hit.
    victims = [pid for (pid, _), words in family(started.pid).items() if " boot " in words]
    assert victims
    os.kill(victims[0], signal.SIGKILL)
    started.communicate(timeout=WITHIN_S)
    assert started.returncode == 2
    result = result_in(tmp_path)
    assert (result["verdict"], result["ended_by"]["reason"]) == ("error", "harness-error")
    assert next(rung for rung in result["milestones"] if rung["id"] == "apiserver-serving")["reached"]


def test_a_full_disk_ends_the_run_with_a_message_and_leaves_no_sandbox(tmp_path: Path) -> None:
    results = tmp_path / "small"
    results.mkdir()
    script = f'mount -t tmpfs -o size=40k tmpfs {results} && exec "$@"'
    words = [*RUNNER, "run", "exp13", "--workload", "standin", "--results", str(results)]
    process = subprocess.Popen(
        ["unshare", "--mount", "sh", "-c", script, "sh", *words],
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        env=environment(),
        cwd=ROOT,
    )
    read_until(process, "step cgroup-v1")
    members = family(process.pid)
    _, rest = process.communicate(timeout=WITHIN_S * 2)
    assert process.returncode == 2, rest
    assert "No space left on device" in rest
    assert "Traceback" not in rest
    wait_until("the sandbox to be gone", lambda: not alive(members))


def test_the_same_run_can_be_repeated_and_two_can_go_on_at_once(tmp_path: Path) -> None:
    processes = [begin(tmp_path / name) for name in ("one", "two")]
    for process in processes:
        out, err = process.communicate(timeout=WITHIN_S * 2)
        assert process.returncode == 0, out + err
    done = runner(
        "run", "exp13", "--workload", "standin", "--results", str(tmp_path / "one"), "--repeat", "2", "--json"
    )
    assert done.returncode == 0
    assert len(json.loads(done.stdout)) == 2


@pytest.mark.parametrize("victim", ["-m runner.intercept", "-m runner.standin"])
def test_kill_9_of_the_tracer_or_of_its_first_tracee_ends_the_run_and_the_result_says_so(
    tmp_path: Path, victim: str
) -> None:
    # In plain Linux's namespaces, where a hand from outside can reach the processes of the inside.
    before = traces()
    process = begin(tmp_path, "--arena", "host")
    read_until(process, "milestone apiserver-serving")
    members = family(process.pid)
    (victims := [pid for (pid, _), words in members.items() if victim in words]).sort()
    os.kill(victims[0], signal.SIGKILL)
    _, rest = process.communicate(timeout=WITHIN_S)
    result = result_in(tmp_path)
    reason = result["ended_by"]["reason"]
    if "intercept" in victim:
        assert (process.returncode, result["verdict"], reason) == (2, "error", "harness-error"), rest
        assert "ended unasked with signal 9; its tracees died with it" in result["ended_by"]["detail"]
    else:
        assert (process.returncode, reason) == (1, "exited"), rest
        assert "signal 9" in result["ended_by"]["detail"]
    assert result["state"] == "finished"
    wait_until("every process to be gone", lambda: not alive(members))
    assert traces() == before


def test_kill_9_of_the_tracer_inside_gvisor_leaves_no_tracee_and_the_result_says_so() -> None:
    # A hand from outside does not reach into the sandbox, so everything happens within: a run in the gVisor around it.
    done = in_sandbox(f"exec {sys.executable} {ROOT}/tests/sandbox/killing_tracer.py", timeout_s=WITHIN_S * 3)
    assert done.returncode == 0, done.stdout + done.stderr
    found = json.loads(done.stdout)
    assert found["kernel"].endswith("gvisor")
    assert (found["code"], found["verdict"], found["reason"]) == (2, "error", "harness-error"), found
    assert "ended unasked with signal 9; its tracees died with it" in found["detail"]
    assert "-m runner.standin" in found["tracees"], found
    assert not found["left"]
