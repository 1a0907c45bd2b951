"""Pause and kill on real processes: who is meant, who is left alone, and that what was stopped goes on."""

import contextlib
import os
import subprocess
import time
from pathlib import Path

import pytest
import trio

from runner.host.clock import RunClock
from runner.host.disturb import Disturber
from runner.intercept.descendants import descendants
from runner.model.events import AnyEvent, StepDone
from runner.model.fault import Kill, Pause


def nothing() -> None:
    pass


class Collected:
    """Takes events."""

    def __init__(self) -> None:
        self.steps: list[StepDone] = []

    async def send(self, event: AnyEvent) -> None:
        assert isinstance(event, StepDone)
        self.steps.append(event)


@pytest.fixture
def family():
    """A shell, below it ``sleep`` and ``cat``, none of which ends by itself."""
    process = subprocess.Popen(
        ["sh", "-c", "exec 3<&0; sleep 600 & cat <&3 & echo ready; wait"],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        start_new_session=True,
    )
    assert process.stdout is not None
    assert process.stdout.readline() == b"ready\n"
    # The shell has forked them; they are what they are called once they have become it.
    deadline = time.monotonic() + 10
    while not (named(process, b"cat") and named(process, b"sleep")):
        assert time.monotonic() < deadline
        os.sched_yield()
    yield process
    for pid in descendants(process.pid):
        with contextlib.suppress(ProcessLookupError):
            os.kill(pid, 9)
    process.communicate()


def state(pid):
    return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0]


def named(family, name):
    return [pid for pid in descendants(family.pid) if command(pid).startswith(name)]


def command(pid):
    """Its command line; none of a zombie, nor of one that the shell has waited for since it was listed."""
    try:
        return Path(f"/proc/{pid}/cmdline").read_bytes()
    except (FileNotFoundError, ProcessLookupError):
        return b""


async def until(condition):
    # Real time: the clock of the pauses below is turned by hand.
    deadline = time.monotonic() + 10
    while not condition():
        assert time.monotonic() < deadline
        await trio.lowlevel.checkpoint()


@pytest.mark.trio
async def test_a_pause_stops_everybody_and_lets_them_go_on(family, mock_clock):
    collected = Collected()
    disturber = Disturber(family.pid, nothing, RunClock(0.0), collected.send)
    members = descendants(family.pid)
    async with trio.open_nursery() as nursery:
        nursery.start_soon(disturber.carry_out, Pause(id="pause", reason="r", at="x", for_s=0.2))
        await until(lambda: collected.steps and all(state(pid) == "T" for pid in members))
        mock_clock.jump(0.2)  # on a busy machine, real time would be over before they were seen stopped
    (step,) = collected.steps
    assert step.outcome == "applied"
    assert "sleep (" in step.verified
    assert "cat (" in step.verified
    await until(lambda: not any(state(pid) == "T" for pid in members))


@pytest.mark.trio
async def test_a_run_that_ends_during_a_pause_leaves_nobody_stopped(family):
    collected = Collected()
    disturber = Disturber(family.pid, nothing, RunClock(0.0), collected.send)
    members = descendants(family.pid)
    async with trio.open_nursery() as nursery:
        nursery.start_soon(disturber.carry_out, Pause(id="pause", reason="r", at="x", for_s=3600))
        await until(lambda: collected.steps)
        nursery.cancel_scope.cancel()
    await until(lambda: not any(state(pid) == "T" for pid in members))


@pytest.mark.trio
async def test_a_kill_hits_the_named_program_alone(family):
    collected = Collected()
    (cat,), (sleep,) = named(family, b"cat"), named(family, b"sleep")
    await Disturber(family.pid, nothing, RunClock(0.0), collected.send).carry_out(
        Kill(id="kill", reason="r", at="x", component="cat")
    )
    await until(lambda: cat not in named(family, b"cat"))
    assert sleep in named(family, b"sleep")
    assert collected.steps[0].verified == f"killed cat ({cat})"


@pytest.mark.trio
async def test_nobody_of_that_name_is_a_failed_step(family):
    collected = Collected()
    await Disturber(family.pid, nothing, RunClock(0.0), collected.send).carry_out(
        Kill(id="kill", reason="r", at="x", component="etcd")
    )
    assert [(step.outcome, step.reason) for step in collected.steps] == [
        ("failed", "no process of the workload is called 'etcd' now")
    ]
