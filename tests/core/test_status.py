"""What a matrix says: needs of workarounds only from runs that can tell, changes only between what was measured."""

from collections import defaultdict

import attrs
import pytest
from some_cells import GOOD, SMALL, attempt

from runner.core.cell import Attempt, CellOutcome
from runner.core.matrix import Build, Matrix, Plan, RunscAxis, WorkloadAxis, spread
from runner.core.status import NeedAt, Workaround, status, until
from runner.model.step import BindMount

KMSG = BindMount(
    id="kmsg", source="/dev/null", target="/dev/kmsg", reason="the kubelet reads it", holds_back=("dev-kmsg-missing",)
)
WITH, WITHOUT = attrs.evolve(SMALL, number=1, steps=(KMSG,)), attrs.evolve(SMALL, number=2, steps=())
NAMES = ("2025", "2026")
FAILED = attrs.evolve(
    GOOD,
    verdict="fail",
    ended_by="fatal-blocker",
    furthest="apiserver-serving",
    milestones={"workload-started": 0.0, "apiserver-serving": 3.0},
    fatal=("dev-kmsg-missing",),
)
APPLIED = attrs.evolve(GOOD, applied=("kmsg",))


def plan() -> Plan:
    matrix = Matrix(
        runsc=tuple(RunscAxis(name=name) for name in NAMES), workloads=(WorkloadAxis(kind="k3s", version="v1"),)
    )
    builds = {name: Build(name=name, version=f"v{name}", platforms=("systrap",)) for name in NAMES}
    return spread(matrix, {1: WITH, 2: WITHOUT}, builds)


def done(**outcomes: CellOutcome) -> dict[str, list[Attempt]]:
    """Attempts by ``with_2025``, ``without_2026`` and so on."""
    found: dict[str, list[Attempt]] = defaultdict(list)
    for one in plan().placed:
        word = "with" if one.cell.experiment == WITH else "without"
        if (outcome := outcomes.get(f"{word}_{one.column.build.name}")) is not None:
            found[one.cell.fingerprint].append(attempt(one.cell, outcome))
    return found


def needs(**outcomes: CellOutcome) -> list[str]:
    (workaround,) = status(plan(), done(**outcomes), {}).workarounds
    assert workaround.id == "kmsg"
    return [need.need for need in workaround.needs]


def test_a_workaround_is_needed_where_its_blocker_came_back_without_it() -> None:
    assert needs(without_2025=FAILED, without_2026=GOOD) == ["needed", "not needed"]


@pytest.mark.parametrize(
    "outcome",
    [
        APPLIED,
        attrs.evolve(GOOD, milestones={"workload-started": 0.0, "apiserver-serving": 3.0}),
        attrs.evolve(GOOD, resolved={"dev-kmsg-missing": "something else"}),
        attrs.evolve(GOOD, ending="not-started", milestones={}),
    ],
    ids=["it was applied", "start-up did not get there", "something else held it back", "sandbox did not start"],
)
def test_a_run_that_cannot_tell_says_nothing_about_a_workaround(outcome: CellOutcome) -> None:
    assert needs(with_2026=APPLIED, without_2026=outcome) == ["unknown", "unknown"]


def test_needed_until_and_no_longer_since_come_from_the_order_of_builds() -> None:
    columns = plan().columns

    def said(*found: str) -> tuple[str, str]:
        pairs = zip(columns, found, strict=True)
        marks = tuple(NeedAt(column=column, need=need, witness=None) for column, need in pairs)  # type: ignore[arg-type]
        return until(Workaround(id="kmsg", holds_back=(), needs=marks), NAMES)

    assert said("needed", "not needed") == ("2025", "2026")
    assert said("needed", "needed") == ("2026", "")
    assert said("needed", "unknown") == ("2025", "")
    assert said("not needed", "unknown") == ("", "2025")
    assert said("not needed", "needed") == ("2026", "")
    assert said("unknown", "unknown") == ("", "")


def test_the_smallest_set_is_the_one_with_the_fewest_steps() -> None:
    found = status(plan(), done(with_2026=APPLIED, without_2026=GOOD), {}).smallest
    (registered,) = (one for one in found if one.goal == "node-registered")
    assert (registered.column.build.name, registered.attempt.cell.experiment) == ("2026", "exp02")


def test_a_change_of_outcomes_stands_beside_the_facts_that_changed() -> None:
    facts = {
        ("v2025", "systrap"): {"veth": "no", "pids": "yes"},
        ("v2026", "systrap"): {"veth": "yes", "pids": "yes"},
    }
    (change,) = status(plan(), done(without_2025=FAILED, without_2026=GOOD, with_2026=GOOD), facts).changes
    assert (change.before.build.name, change.after.build.name) == NAMES
    assert change.outcomes == (("exp02", "apiserver-serving, dev-kmsg-missing", "node-registered"),)
    assert (change.gone, change.new) == (("dev-kmsg-missing",), ())
    assert change.facts == (("veth", "no", "yes"),)


def test_an_arena_that_was_not_probed_differs_in_nothing() -> None:
    (change,) = status(
        plan(), done(without_2025=GOOD, without_2026=GOOD), {("v2026", "systrap"): {"veth": "yes"}}
    ).changes
    assert (change.outcomes, change.facts) == ((), ())


def test_a_place_without_a_run_is_no_hole() -> None:
    rows = status(plan(), {}, {}).rows
    assert [[(square.placed is not None, square.attempts) for square in squares] for _, squares in rows] == [
        [(True, ()), (True, ())],
        [(True, ()), (True, ())],
    ]


def test_blockers_say_in_which_builds_they_were_seen() -> None:
    found = status(plan(), done(without_2025=FAILED, without_2026=GOOD), {})
    assert found.seen == {"dev-kmsg-missing": ("2025",)}
