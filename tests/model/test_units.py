"""What can be taken away, and that what is left is a declaration that says so."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from runner.core.prepare import prepare
from runner.model.assertion import Absent
from runner.model.units import units, without
from runner.registry import all_experiments, find

EXP13 = find("13")
FINE = tuple(unit.id for unit in units(EXP13, "k3s", fine=True))


def test_coarse_units_are_steps_and_parts_of_the_view():
    found = units(EXP13, "k3s")
    assert [unit.id for unit in found] == [step.id for step in EXP13.steps] + list(EXP13.view.parts)


def test_fine_units_are_flags_and_entries_where_there_are_several():
    found = {unit.id: unit for unit in units(EXP13, "k3s", fine=True)}
    assert found["no-qos-cgroups:--kubelet-arg=--cgroups-per-qos=false"].kind == "flag"
    assert found["/proc/sys/vm/panic_on_oom"].within == "sysctl-kubelet"
    assert found["sysctl-tree"].kind == "view part"
    assert "sysctl-kubelet" not in found
    assert "no-qos-cgroups" not in found


def test_steps_for_other_workloads_are_no_units():
    assert "cni-stub" not in {unit.id for unit in units(EXP13, "kubernetes")}


@given(st.sets(st.sampled_from(FINE)))
def test_without_some_units_exactly_the_others_are_left(taken):
    left = without(EXP13, frozenset(taken))
    names = {unit.id for unit in units(left, "k3s", fine=True)}
    # A step whose last-but-one flag is gone is named by itself again, and so is a part.
    kept = {unit.id: unit.within for unit in units(EXP13, "k3s", fine=True) if unit.id not in taken}
    assert names <= set(kept) | set(kept.values())
    assert {unit.within for unit in units(left, "k3s", fine=True)} == set(kept.values())
    assert left.mechanism == (EXP13.mechanism if left.view.parts else "none")


@pytest.mark.parametrize("taken", FINE)
def test_claims_about_what_is_gone_go_with_it(taken):
    left = without(EXP13, frozenset({taken}))
    there = {step.id for step in left.steps} | set(left.view.parts)
    assert all(set(claim.by) <= there for claim in left.assertions if isinstance(claim, Absent))
    assert prepare(left, workload="k3s", arena="gvisor", command=("k3s",)).faults == ()


@pytest.mark.parametrize("number", sorted(all_experiments()))
def test_every_experiment_can_be_taken_apart_to_nothing(number):
    experiment = find(str(number))
    for fine in (False, True):
        left = without(experiment, frozenset(unit.id for unit in units(experiment, "k3s", fine=fine)))
        assert units(left, "k3s") == ()
