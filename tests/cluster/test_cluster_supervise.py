"""Real processes under the supervisor: started in order, heard, and none of them left behind."""

import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from runner.core.milestones import MilestoneFold
from runner.model.tagged import untag

ROOT = Path(__file__).parents[2]
WITHIN_S = 60

# Plays a cluster of shell scripts: NAME:AFTER,AFTER:SCRIPT, and a component that is waited for listens on ./NAME.
PROGRAM = """
import sys, trio
from pathlib import Path
from runner.cluster.__main__ import say, _stop_on_signal
from runner.cluster.components import Component
from runner.cluster.supervise import Supervisor
from runner.cluster.waiting import Socket

parts = [word.split(":", 2) for word in sys.argv[2:]]
waited_for = {name for _, after, _ in parts for name in after.split(",") if name}
made = tuple(
    Component(
        name=name, program="/bin/sh", flags=("-c", script), after=tuple(after.split(",")) if after else (),
        answer=Socket(path=f"{sys.argv[1]}/{name}") if name in waited_for else None, needs_pki=False,
    )
    for name, after, script in parts
)

async def main():
    stop = trio.Event()
    async with trio.open_nursery() as nursery:
        nursery.start_soon(_stop_on_signal, stop)
        ended = await Supervisor(made, Path(sys.argv[1]), say).run(trio.Event(), stop)
        nursery.cancel_scope.cancel()
    say(f"ENDED {ended.component} {ended.how}" if ended else "STOPPED")

trio.run(main)
"""

LISTEN = (
    f'exec {sys.executable} -c \'import socket,time; s=socket.socket(socket.AF_UNIX); s.bind("{{}}"); s.listen();'
    " [s.accept() for _ in iter(int, 1)]'"
)
Cluster = Callable[..., "subprocess.Popen[str]"]


@pytest.fixture
def cluster(tmp_path: Path) -> Iterator[Cluster]:
    started = []

    def start(*components: str) -> "subprocess.Popen[str]":
        process = subprocess.Popen(
            [sys.executable, "-c", PROGRAM, str(tmp_path), *components],
            stdout=subprocess.PIPE,
            text=True,
            env={**os.environ, "PYTHONPATH": str(ROOT)},
        )
        started.append(process)
        return process

    yield start
    for process in started:
        process.kill()
        process.communicate(timeout=WITHIN_S)


def read_until(process: "subprocess.Popen[str]", text: str) -> list[str]:
    assert process.stdout is not None
    lines = []
    for line in process.stdout:
        lines.append(line.rstrip("\n"))
        if text in line:
            return lines
    raise AssertionError(f"{text!r} was never said, but {lines}")


def is_gone(pid: int) -> bool:
    try:
        return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0] in {"Z", "X"}
    except OSError:
        return True


def wait_until_gone(*pids: int) -> None:
    end = time.monotonic() + WITHIN_S
    while not all(is_gone(pid) for pid in pids):
        assert time.monotonic() < end, f"still there: {[pid for pid in pids if not is_gone(pid)]}"
        os.sched_yield()


def pid_of(lines: list[str], component: str) -> int:
    return next(int(text.split()[1]) for name, text in map(untag, lines) if name == component and "pid" in text)


def test_a_component_starts_when_what_it_waits_for_accepts_and_not_before(cluster: Cluster) -> None:
    # The first announces itself, and listens only when its own input says so: the file "go".
    script = "echo started; until [ -e go ]; do sleep 0.02; done; echo listening; " + LISTEN.format("first")
    process = cluster(f"first::{script}", "second:first:echo here; exec sleep 1000")
    lines = read_until(process, "started")
    (Path(str(process.args[3])) / "go").touch()  # type: ignore[index]
    lines += read_until(process, "[second] here")
    assert lines.index("[first] listening") < lines.index("[second] here")
    assert [line for line in lines if line.startswith("Running second ")]
    assert lines.index("[first] listening") < next(
        n for n, line in enumerate(lines) if line.startswith("Running second ")
    )


def test_lines_come_whole_and_under_their_components_name(cluster: Cluster) -> None:
    klog = 'I1123 14:16:53.415623      33 kubelet_node_status.go:78] "Successfully registered node" node="vm"'
    process = cluster(f"kubelet::printf '%s' '{klog[:40]}'; echo '{klog[40:]}'; echo no newline 1>&2; printf end")
    lines = read_until(process, "ENDED")
    said = [untag(line) for line in lines]
    assert ("kubelet", klog) in said
    assert "node-registered" in [MilestoneFold().see(text) for _, text in said]
    assert ("kubelet", "no newline") in said
    assert ("kubelet", "end") in said


@pytest.mark.parametrize(
    ("ending", "says"),
    [
        ("exit 3", "ENDED short ended with exit code 3"),
        ("exit 0", "ENDED short ended with exit code 0"),
        ("kill -SEGV $$", "ENDED short was killed by SIGSEGV"),
    ],
)
def test_the_end_of_one_ends_all_and_is_named_after_its_last_words(cluster: Cluster, ending: str, says: str) -> None:
    process = cluster(
        "long::echo pid $$; echo up; exec sleep 1000",
        f"short::until [ -e go ]; do sleep 0.02; done; echo last words; {ending}",
    )
    lines = read_until(process, "[long] up")
    (Path(str(process.args[3])) / "go").touch()  # type: ignore[index]
    lines += read_until(process, "ENDED")
    assert lines[-1] == says
    assert "[short] last words" in lines
    wait_until_gone(pid_of(lines, "long"))


def test_the_end_of_one_is_seen_on_a_kernel_without_pidfds_as_gvisor_of_2025_is(tmp_path: Path) -> None:
    without = "import errno, os\ndef pidfd_open(*_): raise OSError(errno.ENOSYS, 'none')\nos.pidfd_open = pidfd_open\n"
    process = subprocess.run(
        [sys.executable, "-c", without + PROGRAM, str(tmp_path), "long::exec sleep 1000", "short::exit 3"],
        capture_output=True,
        text=True,
        check=True,
        timeout=WITHIN_S,
        env={**os.environ, "PYTHONPATH": str(ROOT)},
    )
    assert "ENDED short ended with exit code 3" in process.stdout


def test_a_program_that_is_not_there_is_named(tmp_path: Path) -> None:
    process = subprocess.run(
        [sys.executable, "-c", PROGRAM.replace("/bin/sh", "/no/such/program"), str(tmp_path), "one::true"],
        capture_output=True,
        text=True,
        check=True,
        timeout=WITHIN_S,
        env={**os.environ, "PYTHONPATH": str(ROOT)},
    )
    assert "one cannot be started: /no/such/program: No such file or directory" in process.stdout


def test_sigterm_stops_all_also_who_does_not_listen_and_who_lost_its_parent(cluster: Cluster) -> None:
    process = cluster(
        "polite::echo pid $$; exec sleep 1000",
        "deaf::trap '' TERM; echo pid $$; while :; do sleep 0.1; done",
        # As containerd's shims do: away from the parent, its session and its process group.
        "orphan::setsid sh -c 'echo pid $$; exec sleep 1000' & exec sleep 1000",
    )
    lines: list[str] = []
    while sum("] pid " in line for line in lines) < 3:
        lines += read_until(process, "] pid ")
    pids = [pid_of(lines, name) for name in ("polite", "deaf", "orphan")]
    process.send_signal(signal.SIGTERM)
    assert read_until(process, "STOPPED")[-1] == "STOPPED"
    assert process.wait(timeout=WITHIN_S) == 0
    assert [pid for pid in pids if not is_gone(pid)] == []


def test_kill_9_of_the_supervisor_kills_its_components(cluster: Cluster) -> None:
    process = cluster("one::echo pid $$; exec sleep 1000")
    lines = read_until(process, "] pid ")
    process.kill()
    wait_until_gone(pid_of(lines, "one"))
