"""Plans: what is left out, what is expected then, and what is refused."""

import attrs
import pytest
from script import plan_of

from experiments.faults import SLOW_DISK
from runner.core.prepare import STANDIN_HOLD_S, PlanError, kind_of, prepare
from runner.model.experiment import Experiment
from runner.model.fault import AnyFault
from runner.model.step import Environment
from runner.registry import find

EXP13 = find("13")


def test_every_flag_of_the_original_command_line_is_passed_in_its_order() -> None:
    assert plan_of().argv == (
        "k3s",
        "server",
        "--snapshotter=native",
        "--kubelet-arg=--fail-swap-on=false",
        "--kubelet-arg=--cgroups-per-qos=false",
        "--kubelet-arg=--enforce-node-allocatable=",
        "--kubelet-arg=--local-storage-capacity-isolation=false",
        "--kubelet-arg=--protect-kernel-defaults=false",
        "--kubelet-arg=--image-gc-high-threshold=100",
        "--kubelet-arg=--image-gc-low-threshold=99",
        "--disable=coredns,servicelb,traefik,local-storage,metrics-server",
        "--write-kubeconfig-mode=644",
    )


def test_a_flag_left_out_is_not_on_the_command_line_and_its_step_is_skipped_with_the_reason() -> None:
    plan = plan_of("no-storage-isolation")
    assert not any("local-storage" in word for word in plan.argv if word.startswith("--kubelet"))
    assert [(skip.id, skip.reason) for skip in plan.skipped] == [("no-storage-isolation", "left out by --without")]


def test_leaving_the_view_out_leaves_every_part_out() -> None:
    plan = plan_of("view")
    assert plan.view.parts == ()
    assert {skip.id for skip in plan.skipped} == set(EXP13.view.parts)
    assert set(plan.expected.blockers) == {"kubelet-sysctl-missing", "overcommit-memory-eio", "route-localnet-missing"}


def test_mechanism_none_is_the_same_as_leaving_the_view_out() -> None:
    plan = prepare(EXP13, workload="k3s", arena="gvisor", command=("k3s",), mechanism="none")
    assert plan.view.parts == ()
    assert "kubelet-sysctl-missing" in plan.expected.blockers


def test_leaving_out_a_step_that_holds_nothing_back_keeps_the_declared_outcome() -> None:
    plan = plan_of("image-gc")
    assert plan.expected == attrs.evolve(EXP13.expected_for("k3s"), holds=False)


@pytest.mark.parametrize("name", ["kmgs", "", "VIEW", "exp13"])
def test_an_unknown_step_is_refused_with_the_list_of_those_there_are(name: str) -> None:
    with pytest.raises(PlanError, match=r"has no such step or view part; it has: cgroup-v1, .*, view"):
        plan_of(name)


@pytest.mark.parametrize("deadline_s", [0.0, -1.0])
def test_a_deadline_that_is_over_at_once_is_refused(deadline_s: float) -> None:
    with pytest.raises(PlanError, match="above zero"):
        prepare(EXP13, workload="k3s", arena="gvisor", command=("k3s",), deadline_s=deadline_s)


def test_the_stubs_directory_comes_first_on_path_and_variables_are_set() -> None:
    proxy = Environment(id="proxy", reason="r", name="HTTPS_PROXY", value="http://proxy")
    tools = Environment(id="tools", reason="r", name="PATH", value="/opt/tools", prepend=True)
    changed: Experiment = attrs.evolve(EXP13, steps=(*EXP13.steps, proxy, tools))
    plan = prepare(changed, workload="k3s", arena="gvisor", command=("k3s",))
    assert plan.path_first == ("/opt/cni/bin", "/opt/tools")
    assert plan.environment == (("HTTPS_PROXY", "http://proxy"),)


@pytest.mark.parametrize(("faults", "hold_s"), [((), STANDIN_HOLD_S), ((SLOW_DISK,), EXP13.hold_s)])
def test_only_an_undisturbed_stand_in_is_held_for_less_than_declared(
    faults: tuple[AnyFault, ...], hold_s: float
) -> None:
    # Seen: a slow disk held flannel's refusal back beyond the short hold, and the run passed.
    plan = prepare(EXP13, workload="standin", arena="gvisor", command=("k3s",), faults=faults)
    assert plan.goal.hold_s == hold_s


def test_kinds_are_named_as_in_results() -> None:
    assert [kind_of(step) for step in EXP13.steps][:5] == [
        "cgroup-mount",
        "mount-propagation",
        "bind-mount",
        "cni-plugin",
        "symlink",
    ]


@pytest.mark.parametrize(
    ("without", "verdict", "ended_by", "blockers"),
    [
        ((), "pass", "target-reached", ()),
        # Nothing blocks, and so nothing shows what the step is good for.
        (("kmsg",), "inconclusive", "target-reached", ()),
        (("view", "iptables-legacy"), "inconclusive", "target-reached", ()),
        (("image-gc",), "pass", "target-reached", ()),
        (("cni-stub",), "fail", "fatal-blocker", ("host-local-not-found",)),
        (("cni-stub", "kmsg"), "fail", "fatal-blocker", ("host-local-not-found",)),
    ],
)
def test_on_plain_linux_only_what_is_not_gvisors_doing_is_expected_to_block(
    without: tuple[str, ...], verdict: str, ended_by: str, blockers: tuple[str, ...]
) -> None:
    expected = prepare(EXP13, workload="k3s", arena="host", command=("k3s",), without=without).expected
    assert (expected.verdict, expected.ended_by, expected.blockers) == (verdict, ended_by, blockers)
