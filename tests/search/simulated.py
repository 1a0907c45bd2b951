"""A stand-in of running: what a cell needs is known by construction, and runs may lie.

The needs are those that the stand-in workload really has (tests/sandbox runs it): each goal needs some units, and of some
units either of two is enough.
"""

import random
import threading

import attrs

from runner.core.cell import Attempt, Cell, CellOutcome
from runner.core.milestones import MILESTONES
from runner.model.experiment import Experiment
from runner.model.units import units

# Milestone -> what it needs on top of the milestones before it: alternatives, one of each is enough; and the blocker that
# appears when none is there.
NEEDS = (
    ("apiserver-serving", ("cgroup-v1",), "cgroup-mountpoint-missing"),
    ("apiserver-serving", ("cni-stub", "flannel-none"), "host-local-not-found"),
    ("node-registered", ("no-storage-isolation",), "cadvisor-root-stats-missing"),
    ("node-registered", ("kmsg",), "dev-kmsg-missing"),
    ("node-registered", ("sysctl-kubelet",), "kubelet-sysctl-missing"),
    ("kube-proxy-synced", ("iptables-legacy",), "iptables-nft-unsupported"),
    ("kube-proxy-synced", ("sysctl-net",), "route-localnet-missing"),
)


def needed_for(goal: str) -> set[frozenset[str]]:
    """Alternatives of which one each is needed for a goal."""
    rank = MILESTONES.index(goal)
    return {frozenset(one) for milestone, one, _ in NEEDS if MILESTONES.index(milestone) <= rank}


def missing(experiment: Experiment) -> list[tuple[str, str]]:
    """Milestones that are not reached for want of something, and their blockers."""
    there = {unit.within for unit in units(experiment, "standin", fine=True)}
    return [(milestone, blocker) for milestone, one, blocker in NEEDS if not there & set(one)]


@attrs.define
class SimulatedRuns:
    """Makes attempts; a run lies with probability ``flake``: it says the contrary about every milestone that has needs."""

    flake: float = 0.0
    seed: int = 0
    made: list[Cell] = attrs.field(factory=list)
    interrupt_after: int | None = None
    broken: int = 0
    _lock: threading.Lock = attrs.field(factory=threading.Lock)

    def __call__(self, cell: Cell) -> Attempt | None:
        with self._lock:
            if self.interrupt_after is not None and len(self.made) >= self.interrupt_after:
                return None
            self.made.append(cell)
            number = len(self.made)
        dice = random.Random(f"{self.seed} {number}")  # noqa: S311  a coin
        lost = missing(cell.experiment)
        if dice.random() < self.flake:
            lost = [] if lost else [(NEEDS[0][0], "flake")]
        first = min((MILESTONES.index(milestone) for milestone, _ in lost), default=len(MILESTONES))
        reached = {name: float(rank) for rank, name in enumerate(MILESTONES) if rank < first}
        self.broken -= 1
        return Attempt(
            fingerprint=cell.fingerprint,
            cell=cell.circumstances,
            id=f"run-{number:06d}",
            run="",
            finished_at="2026-11-25T00:00:00Z",
            took_s=20.0,
            outcome=CellOutcome(
                ending="ran",
                verdict="error" if self.broken >= 0 else "pass",
                as_expected=True,
                detail="broken" if self.broken >= 0 else "",
                milestones=reached,
                fatal=tuple(blocker for milestone, blocker in lost if MILESTONES.index(milestone) == first),
            ),
        )


def cell_of(experiment: Experiment) -> Cell:
    """Any circumstances."""
    return Cell(experiment=experiment, workload="standin", version="v0", mechanism=experiment.mechanism)
