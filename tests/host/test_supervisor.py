"""The loop around a workload: as often as asked for, a line for each start, the last exit code at the end."""

import subprocess

import attrs

from runner.core.prepare import prepare
from runner.host.supervisor import supervised
from runner.model.step import Supervise
from runner.registry import find

PLAN = prepare(find("13"), workload="k3s", arena="gvisor", command=("k3s", "server"))


def plan(restarts, *argv):
    step = Supervise(id="supervisor", reason="r", restarts=restarts, survives=("poststarthook-priority-classes",))
    return attrs.evolve(PLAN, steps=(step,), argv=argv)


def test_without_the_step_the_command_line_is_the_workloads_own():
    assert supervised(PLAN) == PLAN.argv


def test_the_workload_is_started_again_and_the_last_exit_code_is_the_loops(tmp_path):
    count = tmp_path / "count"
    command = supervised(plan(2, "sh", "-c", f"echo 'a b' >> {count}; exit 3", "zero", "x y"))
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    assert count.read_text() == "a b\n" * 3
    assert done.returncode == 3
    assert done.stdout.splitlines() == [
        f"supervisor: the workload ended with exit code 3; started again, {left} restarts left" for left in (2, 1)
    ]
