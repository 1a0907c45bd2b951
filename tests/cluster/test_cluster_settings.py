"""The supervisor's command line: k3s's spelling of a component's flags, and what is refused."""

from pathlib import Path

import pytest

from runner.cluster.settings import Settings, parse
from runner.core.prepare import prepare
from runner.model.experiment import Experiment
from runner.registry import all_experiments, find

PROGRAMS = ("--programs=/p", "--datastore-program=/d/kine")


def parsed(*flags: str) -> Settings:
    return parse([*PROGRAMS, *flags], node="runsc", address="192.168.10.2")


def test_a_components_flags_are_taken_with_and_without_dashes_and_keep_their_order() -> None:
    settings = parsed("--kubelet-arg=--fail-swap-on=false", "--kubelet-arg", "v=2", "--kube-proxy-arg=-v=4")
    assert settings.kubelet_args == ("--fail-swap-on=false", "--v=2")
    assert settings.kube_proxy_args == ("-v=4",)


def test_everything_that_experiment_13_gives_this_workload_is_understood() -> None:
    plan = prepare(find("13"), workload="kubernetes", arena="gvisor", command=PROGRAMS)
    settings = parse(list(plan.argv), node="runsc", address="192.168.10.2")
    assert settings.snapshotter == "native"
    assert settings.programs == Path("/p")
    assert "--local-storage-capacity-isolation=false" in settings.kubelet_args
    assert "--enforce-node-allocatable=" in settings.kubelet_args


@pytest.mark.parametrize("experiment", all_experiments().values(), ids=lambda experiment: experiment.name)
def test_no_experiment_gives_this_workload_a_flag_that_it_does_not_know(experiment: Experiment) -> None:
    plan = prepare(experiment, workload="kubernetes", arena="gvisor", command=PROGRAMS)
    assert parse(list(plan.argv), node="runsc", address="192.168.10.2").node == "runsc"


@pytest.mark.parametrize(
    ("flag", "says"),
    [
        ("--disable=coredns", "unrecognized arguments: --disable=coredns"),
        ("--datastore=dqlite", "invalid choice: 'dqlite'"),
        ("--snap=native", "unrecognized arguments: --snap=native"),
    ],
)
def test_what_it_does_not_know_is_refused_by_name(flag: str, says: str, capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit):
        parsed(flag)
    assert says in capsys.readouterr().err
