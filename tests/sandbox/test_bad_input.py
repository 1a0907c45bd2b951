"""What is refused: with a message that says what, where and what to do, the right exit code, and nothing left behind."""

import json
import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest
from command import ROOT, RUNNER, environment, runner

NOT_ROOT = pytest.mark.skipif(os.geteuid() != 0, reason="needs root to become somebody else")


def refusal(done: "subprocess.CompletedProcess[str]") -> str:
    """The one message; stdout stays empty, and no traceback is shown."""
    assert done.stdout == ""
    assert "Traceback" not in done.stderr
    return done.stderr


@pytest.mark.parametrize(
    ("words", "code", "says"),
    [
        (("run", "exp99"), 64, "no experiment 'exp99'; there are: exp01"),
        (("run",), 64, "Missing argument 'EXP...'"),
        (("run", "exp13", "--without", "kmgs"), 64, "exp13 has no such step or view part; it has: cgroup-v1"),
        (("run", "exp13", "--deadline", "0"), 64, "0.0 is not in the range x>0"),
        (("run", "exp13", "--deadline", "nan"), 64, "nan is not a finite number"),
        (("run", "exp13", "--runsc", "nonsense"), 64, "there are 2022-12"),
        (("run", "exp13", "--runsc", "2025-05", "--arena", "host"), 64, "leave it out"),
        (("run", "exp13", "--workload-version", "v1"), 64, "Choose --workload k3s or kubernetes"),
        (("run", "exp13", "--workload", "replay", "--log", sys.executable), 3, "binary data, not a log"),
        (("series", "--budget", "inf"), 64, "inf is not a finite number"),
        (("compare", "LICENSE", "LICENSE"), 2, "LICENSE: not JSON"),
        (("report", "exp13", "--index"), 64, "leave RUN and --format out"),
        (("explain", "dev-kmsg-missing", "--markdown", "nowhere"), 64, "leave BLOCKER and --json out"),
        (("merge", "nowhere"), 3, "nowhere: no attempts in it"),
        (("up", "--image", "LICENSE"), 64, "make one with docker save"),
        (("run", "exp13", "--workload", "k8s"), 64, "Invalid value for '--workload'"),
        (("run", "exp13", "--repeat", "0"), 64, "Invalid value for '--repeat'"),
        (("run", "exp13", "--workload", "replay"), 64, "--workload replay needs --log FILE"),
        (("run", "exp13", "--log", "LICENSE"), 64, "--log is only for it"),
        (("classify", "no-such-file.log"), 3, "cannot read no-such-file.log"),
        (("nonsense",), 64, "No such command 'nonsense'"),
    ],
)
def test_wrong_words_are_refused_before_anything_starts(words: tuple[str, ...], code: int, says: str) -> None:
    done = runner(*words)
    assert (done.returncode, says in refusal(done)) == (code, True), done.stderr


@pytest.mark.parametrize(
    ("content", "mode", "says"),
    [
        ("not a program", 0o755, "K3S_BIN="),
        ("#!/bin/sh\necho hello\n", 0o755, "K3S_BIN="),
        ("#!/bin/sh\n", 0o644, "K3S_BIN="),
    ],
)
def test_a_k3s_that_is_none_is_named_and_never_silently_replaced(
    tmp_path: Path, content: str, mode: int, says: str
) -> None:
    binary = tmp_path / "k3s"
    binary.write_text(content)
    binary.chmod(mode)
    done = runner("run", "exp13", "--results", str(tmp_path / "results"), K3S_BIN=str(binary))
    assert done.returncode == 4
    assert says in refusal(done)
    assert "unset" in done.stderr
    assert not (tmp_path / "results").exists()


@NOT_ROOT
def test_not_being_root_is_said_with_what_to_do(tmp_path: Path) -> None:
    # The checkout and its environment may lie where only root can read, so the identity changes in a running interpreter.
    program = (
        "import os, sys; sys.argv[1:] = ['run', 'exp13', '--workload', 'standin', '--results', sys.argv[1]]\n"
        "import runner.cli.main, runner.cli.errors, runner.runs, runner.show.progress, runner.show.table, runner.conduct\n"
        "import runner.registry; runner.registry.all_experiments()\n"
        "os.setuid(65534)\n"
        "runner.cli.main.main()\n"
    )
    done = subprocess.run(
        [sys.executable, "-c", program, str(tmp_path)],
        capture_output=True,
        text=True,
        check=False,
        env=environment(),
        cwd=ROOT,
    )
    assert done.returncode == 4, done.stderr
    assert "not root" in refusal(done)
    assert "sudo" in done.stderr


@pytest.mark.ptrace
@pytest.mark.parametrize(
    ("words", "says"),
    [
        (("--arena", "gvisor"), "gVisor's systrap and the interceptor cannot do without"),
        (("--arena", "gvisor", "--mechanism", "mount"), "gVisor's systrap cannot do without"),
        (("--arena", "host"), "or choose --mechanism mount"),
    ],
)
def test_a_machine_that_forbids_ptrace_is_named_before_anything_starts(
    tmp_path: Path, words: tuple[str, ...], says: str
) -> None:
    done = without_ptrace("run", "exp13", "--workload", "standin", "--results", str(tmp_path / "results"), *words)
    assert done.returncode == 4, done.stderr
    assert "no ptrace: Function not implemented" in refusal(done)
    assert says in done.stderr
    assert not (tmp_path / "results").exists()


@pytest.mark.ptrace
def test_doctor_finds_out_that_ptrace_is_forbidden() -> None:
    done = without_ptrace("doctor", "--json")
    assert done.returncode == 4
    (check,) = [check for check in json.loads(done.stdout) if check["id"] == "ptrace"]
    assert (check["state"], "Function not implemented" in check["found"]) == ("fail", True)


def without_ptrace(*words: str) -> "subprocess.CompletedProcess[str]":
    """The command line under a filter that lets ptrace fail: RET_TRACE without a tracer is ENOSYS."""
    program = (
        "import os, sys\n"
        "from runner.intercept import abi_x86_64 as abi, bpf\n"
        "from runner.intercept.libc import install_filter\n"
        "numbers = [abi.NUMBERS['ptrace']]\n"
        "install_filter(bpf.build(numbers, audit_arch=abi.AUDIT_ARCH, x32_bit=abi.X32_BIT, enosys=abi.ENOSYS))\n"
        "os.execv(sys.executable, [sys.executable, '-m', 'runner', *sys.argv[1:]])\n"
    )
    return subprocess.run(
        [sys.executable, "-c", program, *words],
        capture_output=True,
        text=True,
        check=False,
        timeout=60,
        env=environment(),
        cwd=ROOT,
    )


def test_no_runsc_no_go_and_no_network_lists_what_was_tried(tmp_path: Path) -> None:
    tools = tmp_path / "tools"
    tools.mkdir()
    for name in ("unshare", "nsenter", "mount", "chroot", "cp"):
        found = shutil.which(name)
        assert found is not None
        (tools / name).symlink_to(found)
    done = runner(
        "run",
        "exp13",
        "--workload",
        "standin",
        "--results",
        str(tmp_path / "results"),
        PATH=str(tools),
        XDG_CACHE_HOME=str(tmp_path / "cache"),
        RUNSC_BIN="",
        RUNSC_RELEASES_URL="http://127.0.0.1:9/nothing",
        # A Go that is found all the same cannot fetch anything either.
        GOPROXY="http://127.0.0.1:9",
        GOMODCACHE=str(tmp_path / "modules"),
        GOTOOLCHAIN="local",
    )
    assert done.returncode == 4, done.stderr
    message = refusal(done)
    assert "official release" in message
    assert "Go module" in message
    assert "RUNSC_BIN" in message


def test_a_results_directory_that_cannot_be_written_is_refused(tmp_path: Path) -> None:
    blocked = tmp_path / "results"
    blocked.write_text("a file in the way")
    done = runner("run", "exp13", "--workload", "replay", "--log", __file__, "--results", str(blocked))
    assert done.returncode == 64 or "choose --results DIR" in done.stderr
    assert done.returncode != 0


def test_an_unknown_option_of_python_m_runner_shows_usage_and_help_works() -> None:
    assert "Usage:" in runner("--help").stdout
    assert subprocess.run(
        [*RUNNER, "run", "--help"], capture_output=True, check=True, env=environment(), cwd=ROOT
    ).stdout
