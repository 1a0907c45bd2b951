"""The host arena is plain Linux: what gVisor blocks does not block, and the machine stays as it was, whatever ends the run."""

import os
import signal
import subprocess
import time
from pathlib import Path

import pytest
from command import ROOT, RUNNER, alive, environment, family, fatal, reached, run_standin, traces

pytestmark = pytest.mark.sandbox

WITHIN_S = 60
LEFT_OUT = ("view", "kmsg", "iptables-legacy", "no-storage-isolation")


def test_without_any_workaround_the_stand_ins_node_is_ready_and_no_sysctl_of_the_machine_has_changed(
    tmp_path: Path,
) -> None:
    before = traces()
    words = [word for step in LEFT_OUT for word in ("--without", step)]
    code, result = run_standin(tmp_path, "--arena", "host", *words)
    assert (result["arena"]["kind"], result["arena"]["root_filesystem"]) == ("host", "overlay")
    assert fatal(result) == []
    assert {"node-registered", "kube-proxy-synced", "node-ready"} <= set(reached(result))
    assert (code, result["ended_by"]["reason"], result["differences"]) == (0, "target-reached", [])
    assert traces() == before


def test_what_a_lone_k3s_misses_it_misses_here_too(tmp_path: Path) -> None:
    code, result = run_standin(tmp_path, "--arena", "host", "--without", "cni-stub")
    assert (code, fatal(result), result["differences"]) == (0, ["host-local-not-found"], [])


def test_the_inside_sees_no_disk_no_other_process_and_cannot_load_modules(tmp_path: Path) -> None:
    program = (
        "import os; from pathlib import Path\n"
        "from runner.arena.host import host_command\n"
        "from runner.arena.private_root import paths_of_this_program\n"
        "look = 'ls /dev; ls -d /proc/[0-9]* | wc -l; grep CapBnd /proc/self/status; cat /proc/self/cgroup;"
        " grep -c / /proc/self/mounts; echo 7 > /proc/sys/vm/swappiness; cat /proc/sys/vm/swappiness; ip -o link'\n"
        f"command = host_command(layer=None, work=Path({str(tmp_path)!r}), inside=('sh', '-c', look),"
        " shown=paths_of_this_program())\n"
        "os.execvpe(command.argv[0], command.argv, {**os.environ, **command.env})\n"
    )
    before = traces(), Path("/proc/sys/vm/swappiness").read_text()
    process = subprocess.Popen(
        [*RUNNER[:1], "-c", program],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
        env=environment(),
        cwd=ROOT,
    )
    assert process.stdout is not None
    said = process.stdout.read()
    process.communicate(timeout=WITHIN_S)
    assert process.returncode == 0, said
    assert not {"vda", "sda", "nvme0n1", "mem"} & set(said.split())
    assert "\n7\n" in said
    capabilities = int(said.split("CapBnd:")[1].split()[0], 16)
    assert not capabilities & (1 << 16 | 1 << 22 | 1 << 25)  # SYS_MODULE, SYS_BOOT, SYS_TIME
    # The run's own group is the root that it sees.
    groups = [line.split(":", 2) for line in said.splitlines() if line.count(":") == 2 and line[0].isdigit()]
    assert any(path == "/" for _, controllers, path in groups if "memory" in controllers or not controllers)
    # One end of a link whose other end stays outside, and nothing of the machine's own network.
    assert {line.split(": ")[1].split("@")[0] for line in said.splitlines() if "> mtu " in line} == {"lo", "eth0"}
    assert (traces(), Path("/proc/sys/vm/swappiness").read_text()) == before


@pytest.mark.parametrize(
    ("victim", "moment"),
    [("runner", "step cgroup-v1"), ("runner", "milestone node-registered"), ("guard", "milestone node-registered")],
)
def test_kill_9_leaves_no_process_no_mount_and_no_cgroup(tmp_path: Path, victim: str, moment: str) -> None:
    before = traces()
    process = subprocess.Popen(
        [*RUNNER, "run", "exp13", "--workload", "standin", "--arena", "host", "--results", str(tmp_path)],
        stdout=subprocess.DEVNULL,
        stderr=subprocess.PIPE,
        text=True,
        env=environment(),
        cwd=ROOT,
    )
    assert process.stderr is not None
    assert any(moment in line for line in process.stderr)
    members = family(process.pid)
    assert any("runner.arena.guard" in words for words in members.values())
    if victim == "runner":
        process.send_signal(signal.SIGKILL)
    else:
        (guard,) = [pid for (pid, _), words in members.items() if "runner.arena.guard" in words]
        os.kill(guard, signal.SIGKILL)
    process.communicate(timeout=WITHIN_S)
    end = time.monotonic() + WITHIN_S
    while alive(members) or traces() != before:
        assert time.monotonic() < end, f"still there: {alive(members)} {traces()}"
        os.sched_yield()
