"""Cells: what changes a fingerprint and what does not, and the short form of a result."""

import subprocess
import sys

import attrs
import pytest
from some_cells import BAD, GOOD, NOT_TO_BE_HAD, SMALL, attempt, cell
from some_results import real

from runner.core.cell import Attempt, CellOutcome, agreement, outcome_of, standing
from runner.core.codec import FormatError, from_json, to_brief, to_json
from runner.model.experiment import Expected
from runner.model.fault import MemoryLimit
from runner.model.step import TmpfsMount


def test_the_fingerprint_is_the_same_in_another_process() -> None:
    program = "from some_cells import cell; print(cell().fingerprint)"
    said = subprocess.run(
        [sys.executable, "-c", program],
        check=True,
        capture_output=True,
        text=True,
        env={"PYTHONPATH": ":".join(sys.path), "PYTHONHASHSEED": "7"},
    )
    assert said.stdout.strip() == cell().fingerprint


@pytest.mark.parametrize(
    "words",
    [
        {"number": 91},
        {"workload": "k3s"},
        {"version": "v1"},
        {"arena": "here"},
        {"runsc": "r2"},
        {"platform": "ptrace"},
        {"mechanism": "mount"},
        {"without": ("scratch",)},
    ],
    ids=lambda words: next(iter(words)),
)
def test_each_circumstance_makes_another_cell(words: dict[str, object]) -> None:
    assert cell(**words).fingerprint != cell().fingerprint


@pytest.mark.parametrize(
    "words",
    [
        {"steps": ()},
        {"steps": (TmpfsMount(id="scratch", target="/elsewhere", reason="somewhere to write"),)},
        {"target": "node-ready"},
        {"deadline_s": 7.0},
        {"faults": (MemoryLimit(id="small", reason="to see", mib=512),)},
        {"expected": (Expected(verdict="fail", ended_by="deadline"),)},
    ],
    ids=["no step", "other target of a step", "other milestone", "deadline", "fault", "expected"],
)
def test_what_changes_the_run_or_its_verdict_makes_another_cell(words: dict[str, object]) -> None:
    changed = attrs.evolve(cell(), experiment=attrs.evolve(SMALL, **words))  # type: ignore[arg-type]
    assert changed.fingerprint != cell().fingerprint


def test_another_wording_is_the_same_cell() -> None:
    step = TmpfsMount(id="scratch", target="/scratch", reason="said better")
    reworded = attrs.evolve(SMALL, question="Or does it?", refuted_by="two surprises", steps=(step,))
    assert attrs.evolve(cell(), experiment=reworded).fingerprint == cell().fingerprint


def test_a_value_that_is_the_default_anyway_is_the_same_cell() -> None:
    written_out = attrs.evolve(SMALL, hold_s=0.0, assertions=(), other_goals=())
    assert attrs.evolve(cell(), experiment=written_out).fingerprint == cell().fingerprint
    brief = to_brief(cell())
    assert "hold_s" not in brief["experiment"], "so that a field which experiments get later keeps what was run before"


def test_the_order_in_which_steps_are_left_out_is_the_same_cell() -> None:
    assert cell(without=("b", "a", "b")).fingerprint == cell(without=("a", "b")).fingerprint


def test_an_outcome_says_what_the_result_said() -> None:
    outcome = outcome_of(real("exp13-k3s"))
    assert outcome.ending == "ran"
    assert (outcome.verdict, outcome.ended_by, outcome.as_expected) == ("fail", "fatal-blocker", True)
    assert outcome.fatal == ("flannel-vxlan-unsupported",)
    assert outcome.furthest == "node-ready"
    assert outcome.milestones["workload-started"] == 0.0
    assert "sysctl-kubelet" in outcome.applied
    assert outcome.resolved["dev-kmsg-missing"] == "kmsg"


def test_a_sandbox_that_died_before_it_said_anything_did_not_start() -> None:
    result = real("exp13-k3s")
    silent = attrs.evolve(result, verdict="error", milestones=(), arena=attrs.evolve(result.arena, kernel=""))
    assert outcome_of(silent).ending == "not-started"


def test_attempts_survive_the_disk_and_a_newer_form_is_refused() -> None:
    one = attempt(cell())
    assert from_json(to_json(one), Attempt) == one
    with pytest.raises(FormatError, match="newfangled"):
        from_json(to_json(one).replace('"took_s"', '"newfangled": 1, "took_s"'), Attempt)


def test_agreement_counts_the_most_frequent_outcome() -> None:
    one = attempt(cell())
    other = attrs.evolve(one, outcome=attrs.evolve(one.outcome, furthest="node-ready"))
    slower = attrs.evolve(one, outcome=attrs.evolve(one.outcome, run_s=99.0))
    assert agreement((one, other, slower)) == (2, 3)
    assert agreement(()) == (0, 0)


def test_the_most_frequent_outcome_stands_for_a_cell_and_among_equals_the_newest() -> None:
    good, other, bad = (attempt(cell(), one, number=number) for number, one in enumerate((GOOD, GOOD, BAD)))
    assert standing((good, other, bad)) is other
    assert standing((other, bad)) is bad
    assert standing(()) is None


@pytest.mark.parametrize(
    ("outcome", "said"),
    [
        (GOOD, "node-registered"),
        (BAD, "workload-started, some-blocker"),
        (attrs.evolve(GOOD, verdict="fail", failed=("logs", "exec")), "node-registered, but not logs and 1 more"),
        (attrs.evolve(GOOD, verdict="error", detail="step kmsg failed: EINVAL"), "not set up: step kmsg failed"),
        (attrs.evolve(GOOD, verdict="error", ending="not-started"), "sandbox did not start"),
        (NOT_TO_BE_HAD, "not to be had"),
    ],
    ids=["passed", "a blocker", "claims that did not hold", "a step that failed", "no sandbox", "no build"],
)
def test_an_outcome_in_short_says_what_was_the_matter(outcome: CellOutcome, said: str) -> None:
    assert outcome.in_short == said
