"""Ablation, minimal sets and thresholds where the needs are known by construction.

Exactly the truth is found, also when one run in five lies, in a bounded number of runs, and none is made twice.
"""

from concurrent.futures import ThreadPoolExecutor
from threading import Barrier

import attrs
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from simulated import SimulatedRuns, cell_of, needed_for

from experiments.faults import SLOW_DISK
from experiments.parts import FLANNEL_NONE
from runner.core.minimize import most_questions
from runner.core.tally import Tally
from runner.core.threshold import Threshold
from runner.model.fault import amount_of
from runner.model.units import units
from runner.registry import find
from runner.search.searches import ablate, find_minimum, find_threshold
from runner.search.trials import Progress, Trials

EXP13 = find("13")
# With both, either of cni-stub and flannel-none is enough.
BOTH = attrs.evolve(EXP13, steps=(*EXP13.steps, FLANNEL_NONE))
GOALS = ("apiserver-serving", "node-registered", "kube-proxy-synced", "pod-running")
# One lie in five, a lead of 10: one wrong answer in a million.
LEAD = 10
NEEDED = {"cgroup-v1", "cni-stub", "no-storage-isolation", "kmsg", "sysctl-kubelet", "iptables-legacy", "sysctl-net"}


@pytest.fixture
def anew(tmp_path_factory):
    """Trials in a directory of their own, as often as asked for."""

    def make(runs, **options):
        return Trials(results=tmp_path_factory.mktemp("results"), run_cell=runs, **options)

    return make


def holders(rows):
    return {row.taken: set(row.holds_back) for row in rows if row.standing == "needed"}


@pytest.mark.parametrize("goal", GOALS)
def test_the_minimal_set_is_exactly_what_the_goal_needs(anew, goal):
    found = find_minimum(EXP13, goal, cell_of, anew(SimulatedRuns()))
    assert {unit.id for unit in found.kept} == {"cni-stub"} | {min(one) for one in needed_for(goal) if len(one) == 1}
    assert found.sets <= most_questions(len(units(EXP13, "standin")))
    assert found.made == found.sets, "without lies one run answers"
    assert str(found.confirmed) == "1 of 1"


@settings(max_examples=4, deadline=None)
@given(seed=st.integers(), goal=st.sampled_from(GOALS))
def test_minimize_finds_exactly_the_truth_although_one_run_in_five_lies(tmp_path_factory, seed, goal):
    runs = SimulatedRuns(flake=0.2, seed=seed)
    trials = Trials(results=tmp_path_factory.mktemp("results"), run_cell=runs, lead=LEAD)
    found = find_minimum(EXP13, goal, cell_of, trials)
    assert {unit.id for unit in found.kept} == {"cni-stub"} | {min(one) for one in needed_for(goal) if len(one) == 1}
    # A walk with a drift of 0.6 needs LEAD / 0.6 steps; three times as many leave room for luck.
    assert len(runs.made) <= found.sets * 3 * LEAD / 0.6


@settings(max_examples=3, deadline=None)
@given(seed=st.integers())
def test_ablate_finds_exactly_the_truth_although_one_run_in_five_lies(tmp_path_factory, seed):
    runs = SimulatedRuns(flake=0.2, seed=seed)
    trials = Trials(results=tmp_path_factory.mktemp("results"), run_cell=runs, lead=LEAD)
    everything = units(EXP13, "standin")
    found = ablate(EXP13, everything, cell_of, trials)
    assert {row.taken[0] for row in found.rows if row.standing == "needed"} == NEEDED
    assert {row.taken[0] for row in found.rows if row.standing == "no longer needed"} == {
        unit.id for unit in everything
    } - NEEDED
    assert len(runs.made) <= (len(everything) + 1) * 3 * LEAD / 0.6


def test_ablate_names_what_each_unit_holds_back_and_what_is_no_longer_needed(anew):
    everything = units(EXP13, "standin")
    runs = SimulatedRuns()
    found = ablate(EXP13, everything, cell_of, anew(runs))
    assert holders(found.rows) == {
        ("cgroup-v1",): {"cgroup-mountpoint-missing"},
        ("cni-stub",): {"host-local-not-found"},
        ("no-storage-isolation",): {"cadvisor-root-stats-missing"},
        ("kmsg",): {"dev-kmsg-missing"},
        ("sysctl-kubelet",): {"kubelet-sysctl-missing"},
        ("iptables-legacy",): {"iptables-nft-unsupported"},
        ("sysctl-net",): {"route-localnet-missing"},
    }
    assert [row.lost for row in found.rows if row.taken == ("kmsg",)] == ["node-registered"]
    assert len(runs.made) == len(everything) + 1


def test_pairs_show_that_two_units_stand_in_for_each_other(anew):
    few = tuple(unit for unit in units(BOTH, "standin") if unit.id in {"cni-stub", "flannel-none", "image-gc"})
    found = ablate(BOTH, few, cell_of, anew(SimulatedRuns()), pairs=True)
    assert holders(found.rows) == {("cni-stub", "flannel-none"): {"host-local-not-found"}}
    assert len(found.rows) == 3 + 3


def test_with_alternatives_one_of_them_is_left(anew):
    found = find_minimum(BOTH, "apiserver-serving", cell_of, anew(SimulatedRuns()))
    assert {unit.id for unit in found.kept} in ({"cgroup-v1", "flannel-none"}, {"cgroup-v1", "cni-stub"})


def test_fine_units_are_searched_within_what_is_left(anew):
    found = find_minimum(EXP13, "node-registered", cell_of, anew(SimulatedRuns()), fine=True)
    assert {unit.within for unit in found.kept} == {
        "cgroup-v1",
        "cni-stub",
        "no-storage-isolation",
        "kmsg",
        "sysctl-kubelet",
    }
    # The simulation asks for the part, whichever of its files is left: one is enough.
    assert [unit.kind for unit in found.kept if unit.within == "sysctl-kubelet"] == ["view entry"]


def test_a_goal_that_the_whole_experiment_misses_is_said_after_one_run(anew):
    runs = SimulatedRuns()
    lame = attrs.evolve(EXP13, steps=EXP13.steps[1:], assertions=())
    found = find_minimum(lame, "node-registered", cell_of, anew(runs))
    assert (found.hopeless, found.kept, len(runs.made)) == (True, None, 1)


def test_a_search_that_was_stopped_goes_on_where_it_was_and_runs_nothing_twice(tmp_path):
    whole = SimulatedRuns()
    find_minimum(EXP13, "node-registered", cell_of, Trials(results=tmp_path / "whole", run_cell=whole))
    runs, made = SimulatedRuns(), 0
    for limit in (3, 9, 1000):
        runs.interrupt_after = limit
        found = find_minimum(EXP13, "node-registered", cell_of, Trials(results=tmp_path / "parts", run_cell=runs))
        made += found.made
        assert (found.stopped.stop, found.kept is None) == (("interrupted", True) if limit < 1000 else ("", False))
    assert [cell.fingerprint for cell in runs.made] == [cell.fingerprint for cell in whole.made]
    assert made == len(whole.made)


def test_a_budget_ends_the_search_before_a_run_that_would_not_fit_in(anew):
    now = iter(range(0, 10_000, 20))
    told: list[Progress] = []
    trials = anew(SimulatedRuns(), budget_s=100, clock=lambda: next(now), tell=told.append)
    found = find_minimum(EXP13, "node-registered", cell_of, trials)
    assert found.stopped.stop == "budget"
    assert "the same command goes on from here" in found.stopped.detail
    assert 0 < found.made == found.sets < 6
    assert told[0].question == "node-registered with 19 of 19 units"


def test_runs_that_measure_nothing_are_tried_again_and_end_the_search_when_there_are_too_many(anew):
    found = find_minimum(EXP13, "apiserver-serving", cell_of, anew(SimulatedRuns(broken=2)))
    assert found.kept is not None
    found = find_minimum(EXP13, "apiserver-serving", cell_of, anew(SimulatedRuns(broken=1000)))
    assert (found.stopped.stop, found.made) == ("broken", 3)


def test_a_threshold_is_the_step_between_survived_and_lost_with_n_of_m(anew):
    runs = SimulatedRuns()

    def run(cell):
        attempt = runs(cell)
        (fault,) = cell.experiment.faults
        survives = amount_of(fault)[0] < 0.1
        outcome = attempt.outcome if survives else attrs.evolve(attempt.outcome, milestones={}, fatal=("hook",))
        return attrs.evolve(attempt, outcome=outcome)

    found = find_threshold(EXP13, "node-registered", SLOW_DISK, (0.01, 1.0, 0.5), cell_of, anew(run, lead=2))
    assert isinstance(found.found, Threshold)
    assert found.found.survived < 0.1 <= found.found.lost
    assert found.found.lost / found.found.survived < 1.52
    assert {tried.survived for tried in found.tried} == {Tally(2, 0), Tally(0, 2)}
    assert {tried.lost_to for tried in found.tried if not tried.survived.yes} == {("hook",)}
    assert found.unit == "s"
    assert found.fault == "slow-disk: N per pread64 pwrite64 below /var/lib"


def in_arenas(count, results, runs, search, **options):
    """The same search so many times at once, as processes do it: each with its own look at one directory."""
    with ThreadPoolExecutor(count) as pool:
        started = [pool.submit(lambda: search(Trials(results=results, run_cell=runs, **options))) for _ in range(count)]
        return [one.result() for one in started]


def test_arenas_at_one_ablation_run_at_the_same_time_share_its_cells_and_agree(tmp_path):
    runs, met, first = SimulatedRuns(), Barrier(2, timeout=60), []

    def run(cell):
        if len(first) < 2:  # neither comes through its first run before the other is in one, too
            first.append(cell.fingerprint)
            met.wait()
        return runs(cell)

    everything = units(EXP13, "standin")
    one, other = in_arenas(2, tmp_path, run, lambda trials: ablate(EXP13, everything, cell_of, trials))
    assert len(set(first)) == 2
    assert one.rows == other.rows
    assert {row.taken[0] for row in one.rows if row.standing == "needed"} == NEEDED
    assert len(runs.made) == len({cell.fingerprint for cell in runs.made}) == len(everything) + 1
    assert one.made == len(runs.made), "counted by whom the search is, not by who made them"


@settings(max_examples=4, deadline=None)
@given(goal=st.sampled_from(GOALS), arenas=st.integers(2, 4))
def test_arenas_at_one_minimization_find_what_one_finds_and_run_no_set_twice(tmp_path_factory, goal, arenas):
    runs = SimulatedRuns()
    alone = find_minimum(
        EXP13, goal, cell_of, Trials(results=tmp_path_factory.mktemp("alone"), run_cell=SimulatedRuns())
    )
    together = in_arenas(
        arenas, tmp_path_factory.mktemp("together"), runs, lambda trials: find_minimum(EXP13, goal, cell_of, trials)
    )
    assert {(found.kept, found.sets) for found in together} == {(alone.kept, alone.sets)}
    assert len(runs.made) == len({cell.fingerprint for cell in runs.made})
    # What is tried before it is known to be needed: at most one set for each further arena at a time.
    assert alone.sets <= len(runs.made) <= arenas * alone.sets


@settings(max_examples=2, deadline=None)
@given(seed=st.integers())
def test_arenas_find_exactly_the_truth_although_one_run_in_five_lies(tmp_path_factory, seed):
    runs = SimulatedRuns(flake=0.2, seed=seed)
    results = tmp_path_factory.mktemp("results")
    found = in_arenas(
        3, results, runs, lambda trials: find_minimum(EXP13, "node-registered", cell_of, trials), lead=LEAD
    )
    truth = {"cni-stub"} | {min(one) for one in needed_for("node-registered") if len(one) == 1}
    assert [{unit.id for unit in one.kept} for one in found] == [truth] * 3
    assert len(runs.made) <= 3 * found[0].sets * 3 * LEAD / 0.6
