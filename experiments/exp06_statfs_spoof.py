"""Experiment 6: does showing cAdvisor ext4 where it is 9p give it the root filesystem's statistics?

Parent: 4. The one change: statfs and fstatfs answer with ext4's type for 9p; the file that the statistics really miss,
cpuacct.usage_percpu, is not there.

Differences from the original: its runner aborted before k3s started (two files in a directory that it never made), and
its interceptor waited for one process only, so what it called ptrace's overhead was its own threads left stopped.
Declared is what it meant: all of /proc/sys redirected, and the spoof.

What would refute it: the statistics are found with the spoof alone.
"""

import attrs

from experiments import exp04_explicit_paths as parent
from experiments import parts
from runner.model.assertion import Present
from runner.model.experiment import Expected
from runner.model.view import StatfsSpoof

SPOOF = StatfsSpoof(real_type=0x01021997, shown_type=0xEF53, part="statfs-ext4")

EXPERIMENT = attrs.evolve(
    parent.EXPERIMENT,
    number=6,
    slug="statfs-spoof",
    question="Does answering statfs with ext4 instead of 9p satisfy cAdvisor?",
    parent=4,
    change="statfs and fstatfs show ext4 for 9p, and cpuacct.usage_percpu is missing again",
    refuted_by="the root filesystem's statistics are there with the spoof alone",
    view=attrs.evolve(parts.PROC_SYS, statfs=(SPOOF,)),
    assertions=(
        *(claim for claim in parent.EXPERIMENT.assertions if claim.id == "cni-plugin"),
        Present(
            id="still-missing",
            claim="the statistics are missing all the same",
            pattern=r"failed to get rootfs info: unable to find data in memory cache",
        ),
    ),
    expected=(
        Expected(
            verdict="fail",
            ended_by="fatal-blocker",
            blockers=("cadvisor-root-stats-missing",),
            reaches="poststart-hooks-done",
        ),
    ),
)
