"""What the searches refuse before anything is run, and the form in which they answer."""

import attrs
import pytest
from click.testing import CliRunner

from runner.cli.main import cli
from runner.core.ablation import Row
from runner.core.prepare import PlanError
from runner.core.tally import Tally
from runner.core.threshold import Threshold
from runner.formats.markdown import found_to_markdown
from runner.formats.searched import of_ablation, of_limit, of_minimum
from runner.model.units import units
from runner.registry import UnknownExperimentError, find
from runner.search.searches import Ablation, Limit, Minimum, Stopped, Tried
from runner.search.written import experiment_file

EXP13 = find("13")
UNITS = units(EXP13, "k3s")
MINIMUM = Minimum(goal="node-registered", kept=UNITS[:2], spared=UNITS[2:], confirmed=Tally(2, 0), sets=9, made=11)


@pytest.mark.parametrize(
    ("words", "error", "message"),
    [
        (["ablate", "exp99"], UnknownExperimentError, "no experiment"),
        (["ablate", "exp13", "--fault", "fire"], PlanError, "no such fault"),
        (["minimize", "exp13", "--without", "kmesg"], PlanError, "no such step or part; it has: cgroup-v1, rshared"),
        (["minimize", "exp13", "--number", "13"], PlanError, "there is an experiment 13 already"),
        (["threshold", "exp13", "--fault", "kill-containerd", "--from", "1s", "--to", "2s"], PlanError, "has a number"),
        (["threshold", "exp13", "--fault", "slow-disk", "--from", "1%", "--to", "2s"], PlanError, "is no amount"),
    ],
)
def test_what_cannot_be_meant_is_refused_before_anything_is_looked_for(tmp_path, words, error, message):
    done = CliRunner().invoke(cli, [*words, "--results", str(tmp_path)])
    assert isinstance(done.exception, error)
    assert message in str(done.exception)
    assert list(tmp_path.iterdir()) == []


def test_two_forms_at_once_and_an_unknown_goal_are_wrong_usage(tmp_path):
    for words in (["minimize", "exp13", "--goal", "node-up"], ["ablate", "exp13", "--json", "--markdown"]):
        assert CliRunner().invoke(cli, [*words, "--results", str(tmp_path)]).exit_code == 2


def test_a_minimal_set_becomes_an_experiment_that_declares_what_was_found(tmp_path):
    name, text = experiment_file(EXP13, MINIMUM, number=77, where="k3s v1 in gvisor")
    assert name == "exp77_minimal_node_registered.py"
    scope: dict[str, object] = {}
    exec(compile(text, name, "exec"), scope)  # noqa: S102  the file that was just written
    experiment = scope["EXPERIMENT"]
    assert (experiment.number, experiment.slug, experiment.parent) == (77, "minimal-node-registered", 13)
    assert [unit.id for unit in units(experiment, "k3s")] == [unit.id for unit in MINIMUM.kept]
    assert experiment.target == "node-registered"
    assert text.startswith('"""Experiment 77: ')


def test_a_minimal_set_in_another_build_names_it_and_is_without_what_was_left_out_from_the_beginning():
    found = attrs.evolve(MINIMUM, kept=UNITS[:1], spared=UNITS[2:])
    name, text = experiment_file(EXP13, found, number=77, where="", left_out=(UNITS[1].id,), build="2022-12")
    assert name == "exp77_minimal_node_registered_2022_12.py"
    scope: dict[str, object] = {}
    exec(compile(text, name, "exec"), scope)  # noqa: S102  the file that was just written
    assert [unit.id for unit in units(scope["EXPERIMENT"], "k3s")] == [UNITS[0].id]


def test_without_an_answer_there_is_nothing_to_write_down():
    with pytest.raises(ValueError, match="none to write down"):
        experiment_file(EXP13, attrs.evolve(MINIMUM, kept=None), number=77, where="")


def test_tables_say_what_was_found_and_what_was_not():
    stopped = Stopped(stop="budget", detail="no time left")
    rows = (
        Row(taken=("kmsg",), standing="needed", shown=Tally(2, 0), holds_back=("dev-kmsg-missing",), lost="node-ready"),
        Row(taken=("a", "b"), standing="undecided", shown=Tally(1, 1)),
    )
    ablation = Ablation(rows=rows, reached=("node-ready",), fatal=("flannel",), runs=3, made=7, stopped=stopped)
    found = of_ablation("exp13", "k3s", ablation)
    assert (
        "in most of 3 runs: node-ready, ending in flannel. 7 runs made now. Stopped (budget): no time" in found.answer
    )
    assert found.rows[0] == ("kmsg", "needed", "dev-kmsg-missing; node-ready is lost", "2 of 2")
    assert "| a and b | undecided |  | 1 of 2 |" in found_to_markdown(found)
    minimum = of_minimum("exp13", "k3s", MINIMUM)
    assert "2 of 19 units are left; with them node-registered was reached in 2 of 2 runs" in minimum.answer
    hopeless = of_minimum("exp13", "k3s", attrs.evolve(MINIMUM, hopeless=True, kept=None))
    assert "Not even exp13 as it is reaches node-registered" in hopeless.answer
    limit = Limit(
        fault="slow-disk: N per pread64",
        unit="s",
        goal="node-ready",
        found=Threshold(survived=0.08, lost=0.1, contradicted=True),
        tried=(Tried(amount=0.08, survived=Tally(2, 1), lost_to=("poststarthook-priority-classes",)),),
        made=3,
    )
    table = of_limit("exp13", "k3s", limit)
    assert "node-ready is reached under 80 ms and lost under 100 ms. The answers contradict" in table.answer
    assert table.rows == (("80 ms", "2 of 3 runs", "poststarthook-priority-classes"),)
    assert "No answer yet" in of_limit("exp13", "k3s", attrs.evolve(limit, found=None, stopped=stopped)).answer
