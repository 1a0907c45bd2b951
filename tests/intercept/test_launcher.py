"""The launcher's contract: what it says, what it hands on, how it ends."""

import os
import re
import signal
import subprocess
import sys
import time
from pathlib import Path

import attrs
import pytest
from launcher_driver import ROOT, run, start

from runner.intercept import probe as probe_module
from runner.intercept.plan import Delay, LaunchPlan, to_json
from runner.intercept.probe import UnfitError, probe
from runner.intercept.records import Exited, Failed, Observed, Probed, Redirected, Report, Started
from runner.intercept.view_layer import materialise

pytestmark = pytest.mark.ptrace

EVERY = pytest.mark.parametrize("mechanism", ["none", "mount", "seccomp", "syscall"])
TRACING = pytest.mark.parametrize("mechanism", ["seccomp", "syscall"])


def alive(pid):
    """Whether a process still runs; one that nobody waits for any more does not."""
    try:
        return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0] not in "ZX"
    except OSError:
        return False


def wait_until(condition):
    deadline = time.monotonic() + 10
    while not condition():
        assert time.monotonic() < deadline
        os.sched_yield()


def signal_was_taken(pid):
    """Whether SIGUSR1 is not pending any more: the launcher's flag is set before it looks at another stop."""
    status = Path(f"/proc/{pid}/status").read_text()
    pending = [int(line.split()[1], 16) for line in status.splitlines() if line.startswith(("SigPnd", "ShdPnd"))]
    return not any(mask >> (signal.SIGUSR1 - 1) & 1 for mask in pending)


def wait_until_gone(pid):
    """Processes that the kernel kills need a moment to be gone; a pidfd tells, without asking again and again."""
    try:
        fd = os.pidfd_open(pid)
    except ProcessLookupError:
        return
    try:
        import select

        assert select.select([fd], [], [], 10)[0], f"{pid} is still there"
    finally:
        os.close(fd)


class TestRecords:
    @EVERY
    def test_started_first_exited_then_a_last_report(self, world, mechanism):
        outcome = run(world, mechanism, ["sh", "-c", "exit 3"])
        kinds = [type(record) for record in outcome.records if not isinstance(record, Probed)]
        assert kinds[0] is Started
        assert kinds[-2:] == [Exited, Report]
        (exited,) = outcome.of(Exited)
        assert (exited.code, exited.signal) == (3, None)
        assert outcome.code == 0

    @EVERY
    def test_a_signal_that_kills_the_workload_is_told(self, world, mechanism):
        (exited,) = run(world, mechanism, ["sh", "-c", "kill -KILL $$"]).of(Exited)
        assert (exited.code, exited.signal) == (None, signal.SIGKILL)

    @TRACING
    def test_the_probe_comes_first_and_says_what_was_found(self, world, mechanism):
        probed = run(world, mechanism, ["true"]).records[0]
        assert isinstance(probed, Probed)
        assert probed.facts["seize"] == "yes"
        assert probed.facts["stop_order"] in ("seccomp-exit", "seccomp-entry-exit")
        assert set(probed.facts) == {"machine", "kernel", "seize", "stop_order", "process_vm", "no_new_privs"}

    @TRACING
    def test_a_redirect_says_who_what_and_where(self, world, mechanism):
        outcome = run(world, mechanism, ["cat", str(world.tree / "only/new")])
        assert outcome.output == "new\n"
        (redirected,) = outcome.of(Redirected)
        assert redirected.path == str(world.tree / "only/new")
        assert redirected.target == f"{world.layer}{world.tree}/only/new"
        assert redirected.syscall == "openat"
        assert redirected.pid == outcome.of(Started)[0].pid
        assert outcome.report.redirects_by_path == {redirected.path: 1}

    @TRACING
    def test_watched_paths_are_reported_and_left_alone(self, world, mechanism):
        plain, link = str(world.out / "plain"), str(world.out / "to-plain")
        Path(link).symlink_to("plain")
        observe = (plain, "/bin/true", "/usr/bin/true")
        script = f"cat {plain} {link}; test -e {plain}; $(command -v env) true"
        outcome = run(world, mechanism, ["sh", "-c", script], observe=observe)
        assert outcome.output == "plain\nplain\n"
        seen = [(record.path, record.syscall) for record in outcome.of(Observed)]
        assert seen.count((plain, "openat")) == 2
        assert any(path.endswith("/true") and call == "execve" for path, call in seen)
        assert outcome.report.observed_by_path[plain] >= 3
        assert outcome.report.redirects_by_path == {}

    def test_a_view_for_openers_alone_stops_no_other_calls(self, world):
        openers = attrs.evolve(world, view=attrs.evolve(world.view, calls="opening"))
        new, link = world.tree / "only/new", world.out / "link"
        script = f"cat {new}; test -e {new} || echo unseen; ln -s {new} {link}; cat {link}; {world.tree}/only/script x"
        outcome = run(openers, "seccomp", ["sh", "-c", script])
        assert outcome.output.splitlines()[:3] == ["new", "unseen", "new"]
        assert "Permission denied" in outcome.output  # the script, found where only the view has it
        calls = set(outcome.report.calls)
        assert {"openat", "execve"} <= calls
        assert not calls & {"newfstatat", "stat", "readlink", "readlinkat", "getdents64", "getcwd", "mkdir", "unlink"}

    def test_without_a_tracer_nothing_is_stopped(self, world):
        outcome = run(world, "mount", ["cat", str(world.tree / "only/new")])
        assert outcome.output == "new\n"
        assert outcome.report.stops == {}


class TestHandedOn:
    @EVERY
    def test_the_workload_gets_its_streams_and_none_of_the_launchers_pipes(self, world, mechanism):
        script = "import os; print(sorted(int(fd) for fd in os.listdir('/proc/self/fd') if os.path.exists(f'/proc/self/fd/{fd}')))"
        output = run(world, mechanism, [sys.executable, "-I", "-c", script]).output
        numbers = eval(output)  # noqa: S307  a list that the line above printed
        assert numbers[:3] == [0, 1, 2]
        # The layer's descriptor and the screener's are high; under a tracer only.
        assert numbers[3:] == {"seccomp": [999, 1000], "syscall": [1000]}.get(mechanism, [])
        assert (1000 in numbers) == (mechanism in ("seccomp", "syscall"))

    @EVERY
    def test_environment_arguments_and_directory_are_the_plans(self, world, mechanism):
        output = run(
            world, mechanism, ["sh", "-c", 'echo "$ONLY $1 $0 $(pwd)"; env | wc -l', "zero", "a b"], env={"ONLY": "x y"}
        ).output
        first, count = output.splitlines()
        assert first == "x y a b zero /"
        assert int(count) <= 5  # PATH, ONLY, and what sh adds

    def test_the_workload_cannot_signal_the_launchers_group(self, world):
        outcome = run(world, "none", ["sh", "-c", "kill -TERM 0"])
        assert outcome.of(Exited)[0].signal == signal.SIGTERM
        assert outcome.code == 0


class TestFailures:
    @EVERY
    def test_a_program_that_is_not_on_the_path(self, world, mechanism):
        outcome = run(world, mechanism, ["no-such-program-anywhere"])
        (failed,) = outcome.of(Failed)
        assert "no-such-program-anywhere is not on the workload's PATH" in failed.what
        assert not outcome.of(Started)
        assert outcome.code == 2

    @EVERY
    def test_a_program_that_cannot_be_executed(self, world, mechanism):
        outcome = run(world, mechanism, [str(world.out / "plain")])
        (failed,) = outcome.of(Failed)
        assert re.search(r"cannot execute .*Permission denied", failed.what)
        assert outcome.code == 2

    @TRACING
    def test_a_view_that_cannot_be_applied_is_refused_before_anything_starts(self, world, mechanism):
        (world.tree / "only").mkdir()
        (world.tree / "only/new").mkdir()
        outcome = run(world, mechanism, ["touch", str(world.out / "started")])
        (failed,) = outcome.of(Failed)
        assert "that is a directory here" in failed.what
        assert not (world.out / "started").exists()

    def test_an_unknown_call_in_a_delay_is_refused(self, world):
        outcome = run(world, "none", ["true"], delays=(Delay(syscalls=("opne",), seconds=1),))
        assert "unknown system calls ['opne']" in outcome.of(Failed)[0].what

    def test_wrong_usage_and_a_broken_plan_have_their_own_codes(self):
        command = [sys.executable, "-m", "runner.intercept"]
        wrong = subprocess.run([*command, "--plan-fd", "x"], cwd=ROOT, capture_output=True, check=False)
        assert wrong.returncode == 64
        assert b"usage" in wrong.stderr
        reading, writing = os.pipe()
        broken = subprocess.run(
            [*command, "--plan-fd", "0", "--events-fd", str(writing)],
            cwd=ROOT,
            input=b'{"mechanism"',
            pass_fds=(writing,),
            check=False,
        )
        os.close(writing)
        with os.fdopen(reading) as file:
            assert "the plan is not JSON" in file.read()
        assert broken.returncode == 2

    def test_another_machine_is_refused_by_name(self, monkeypatch):
        result = os.uname_result(("Linux", "host", "6.1", "#1", "aarch64"))
        monkeypatch.setattr(probe_module.os, "uname", lambda: result)
        with pytest.raises(UnfitError, match="this machine is aarch64; interception knows x86_64 only"):
            probe()


class TestDelays:
    def test_a_delayed_call_takes_that_much_longer_and_others_do_not(self, world):
        slow, fast = str(world.out / "plain"), str(world.tree / "real")
        delay = (Delay(syscalls=("read",), path_prefix=slow, seconds=0.3),)
        for mechanism in ("none", "seccomp", "syscall"):
            took = {}
            for path in (slow, fast):
                # Not cat, which copies from file to file without reading.
                outcome = run(world, mechanism, ["dd", f"if={path}", "status=none"], delays=delay)
                took[path] = outcome.of(Exited)[0].t - outcome.of(Started)[0].t
            assert took[slow] >= 0.6  # the text, and the end of the file
            assert took[fast] < 0.3

    @EVERY
    def test_every_mechanism_delays_also_those_that_trace_nothing_else_and_counts_it(self, world, mechanism):
        delay = (Delay(syscalls=("read",), path_prefix=str(world.out), seconds=0.05),)
        outcome = run(world, mechanism, ["dd", f"if={world.out}/plain", "status=none"], delays=delay)
        assert outcome.output == "plain\n"
        assert (outcome.report.delayed, outcome.report.delayed_s) == (2, 0.1)
        assert run(world, mechanism, ["true"]).report.delayed == 0

    @pytest.mark.parametrize("mechanism", ["none", "seccomp", "syscall"])
    def test_a_delay_on_request_holds_from_the_request_on(self, world, mechanism):
        slow = Delay(syscalls=("read",), path_prefix=str(world.out), seconds=0.05, on_request=True)
        # The shell waits for the file that is made after the request; dd before it and dd after it read the same.
        script = f"dd if={world.out}/plain status=none; mkfifo {world.out}/go; : > {world.out}/go; dd if={world.out}/plain status=none"
        running = start(world, mechanism, ["sh", "-c", script], delays=(slow,))
        running.next_record(Started)
        fifo = world.out / "go"
        wait_until(fifo.exists)
        running.process.send_signal(signal.SIGUSR1)
        wait_until(lambda: signal_was_taken(running.process.pid))
        with fifo.open():
            pass
        outcome = running.finish()
        assert outcome.output == "plain\nplain\n"
        assert outcome.report.delayed == 2

    def test_only_the_calling_thread_is_held(self, world):
        delay = (Delay(syscalls=("openat",), path_prefix=str(world.out), seconds=1.0),)
        script = f"cat {world.out}/plain & cat {world.tree}/real; wait"
        assert run(world, "seccomp", ["sh", "-c", script], delays=delay).output == "really\nplain\n"


class TestEndings:
    @EVERY
    def test_nothing_outlives_the_workloads_first_process(self, build, world, mechanism):
        outcome = run(world, mechanism, [build.c("manners", static=True), "linger", "-"])
        pid = int(outcome.output.split()[1])
        assert outcome.of(Exited)[0].code == 0
        assert not alive(pid)

    @EVERY
    def test_asked_to_stop_the_launcher_ends_every_descendant_first(self, world, mechanism):
        # The whole tree must be there before the signal comes: the last process says so.
        script = "(setsid sh -c 'echo $$ > $0; exec sleep 100' $0 & sleep 100) & echo $! ; wait"
        note = world.out / "pid"
        os.mkfifo(note)
        running = start(world, mechanism, ["sh", "-c", script, str(note)])
        inner = int(note.read_text())
        running.process.terminate()
        outcome = running.finish()
        assert outcome.code == 128 + signal.SIGTERM
        assert not alive(inner)
        assert not outcome.of(Exited)
        assert isinstance(outcome.records[-1], Report)

    @TRACING
    def test_a_killed_tracer_takes_every_tracee_with_it(self, world, mechanism):
        note = world.out / "pid"
        os.mkfifo(note)
        running = start(
            world, mechanism, ["sh", "-c", "setsid sh -c 'echo $$ > $0; exec sleep 100' $0 & wait", str(note)]
        )
        first = running.next_record(Started).pid
        inner = int(note.read_text())
        running.process.kill()
        for pid in (first, inner):
            wait_until_gone(pid)
        running.finish()

    @TRACING
    def test_killed_tracees_are_no_error(self, world, mechanism):
        script = f"""
            i=0
            while [ $i -lt 25 ]; do
                (while :; do cat /proc/self/root{world.tree}/only/new {world.tree}/shared; done) > /dev/null 2>&1 & victim=$!
                cat {world.tree}/only/new > /dev/null
                kill -KILL $victim
                i=$((i + 1))
            done
            cat {world.tree}/only/new"""
        outcome = run(world, mechanism, ["sh", "-c", script])
        assert outcome.output.endswith("new\n")
        assert outcome.of(Exited)[0].code == 0
        assert not outcome.of(Failed)

    @pytest.mark.parametrize("mechanism", ["none", "seccomp"])
    def test_the_launcher_dies_with_its_parent(self, world, mechanism):
        plan = LaunchPlan(
            mechanism=mechanism,
            argv=("sh", "-c", "echo $PPID $$; exec sleep 100"),
            env={"PATH": os.environ["PATH"]},
            view=world.view,
            layer=str(world.layer),
        )
        materialise(world.view, str(world.layer))
        # The parent starts a launcher, hands it its plan and lives on; its output is the workload's.
        program = """
import os, signal, subprocess, sys
plan_read, plan_write = os.pipe()
events_read, events_write = os.pipe()
command = [sys.executable, "-m", "runner.intercept", "--plan-fd", str(plan_read), "--events-fd", str(events_write)]
launcher = subprocess.Popen(command, pass_fds=(plan_read, events_write))
os.close(plan_read)
os.write(plan_write, sys.argv[1].encode())
os.close(plan_write)
signal.pause()
"""
        parent = subprocess.Popen([sys.executable, "-c", program, to_json(plan)], stdout=subprocess.PIPE, cwd=ROOT)
        assert parent.stdout is not None
        with parent.stdout:
            launcher, workload = map(int, parent.stdout.readline().split())
            parent.kill()
            parent.wait()
            for pid in (workload, launcher):
                wait_until_gone(pid)

    def test_a_reader_that_stops_reading_holds_nothing_up(self, world):
        script = f"i=0; while [ $i -lt 300 ]; do cat {world.tree}/only/new; i=$((i+1)); done"
        running = start(world, "seccomp", ["sh", "-c", script.replace("only/new", 'only/new"$i" 2>/dev/null')])
        began = time.monotonic()
        outcome = running.finish()
        assert outcome.of(Exited)
        assert time.monotonic() - began < 60
