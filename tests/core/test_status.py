"""What a matrix says: needs of workarounds only from runs that can tell, changes only between what was measured."""

from collections import defaultdict

import attrs
import pytest
from some_cells import GOOD, SMALL, attempt

from runner.core.cell import Attempt, CellOutcome
from runner.core.matrix import Ablation, Build, Explained, Matrix, Plan, RunscAxis, WorkloadAxis, spread
from runner.core.needs import NeedAt, Workaround, until
from runner.core.status import status
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


def test_where_no_blocker_tells_leaving_a_step_out_of_what_succeeds_does() -> None:
    matrix = Matrix(
        experiments=("exp01",),
        runsc=tuple(RunscAxis(name=name) for name in NAMES),
        workloads=(WorkloadAxis(kind="k3s", version="v1"),),
        ablate=(Ablation(experiments=("exp01",)),),
    )
    builds = {name: Build(name=name, version=f"v{name}", platforms=("systrap",)) for name in NAMES}
    plain = attrs.evolve(WITH, steps=(attrs.evolve(KMSG, holds_back=()),))
    spread_out = spread(matrix, {1: plain}, builds)
    failed = attrs.evolve(FAILED, fatal=("unclassified",))
    outcomes = {("2025", ""): GOOD, ("2025", "kmsg"): failed, ("2026", ""): GOOD, ("2026", "kmsg"): GOOD}
    attempts = {
        one.cell.fingerprint: [attempt(one.cell, outcomes[one.column.build.name, one.left_out])]
        for one in spread_out.placed
    }
    (workaround,) = status(spread_out, attempts, {}).workarounds
    assert (workaround.id, workaround.holds_back) == ("kmsg", ())
    assert [need.need for need in workaround.needs] == ["needed", "not needed"]
    del attempts[spread_out.placed[0].cell.fingerprint]
    (workaround,) = status(spread_out, attempts, {}).workarounds
    assert [need.need for need in workaround.needs] == ["unknown", "not needed"], "the whole was not seen to succeed"


def test_two_that_hold_the_same_back_are_one_row_needed_only_where_neither_was_there() -> None:
    other = attrs.evolve(KMSG, id="kmsg-pipe")
    found = status(
        spread(
            Matrix(runsc=(RunscAxis(name="2025"),), workloads=(WorkloadAxis(kind="k3s", version="v1"),)),
            {1: WITH, 2: attrs.evolve(WITHOUT, steps=(other,))},
            {"2025": Build(name="2025", version="v2025", platforms=("systrap",))},
        ),
        {},
        {},
    )
    assert [one.id for one in found.workarounds] == ["kmsg or kmsg-pipe"]


def test_builds_are_compared_on_their_usual_platform_and_other_platforms_with_it() -> None:
    axes = (RunscAxis(name="2025"), RunscAxis(name="2026", platforms=("systrap", "ptrace")))
    matrix = Matrix(runsc=axes, workloads=(WorkloadAxis(kind="k3s", version="v1"),))
    builds = {name: Build(name=name, version=f"v{name}", platforms=("systrap", "ptrace")) for name in NAMES}
    spread_out = spread(matrix, {2: WITHOUT}, builds)
    attempts = {one.cell.fingerprint: [attempt(one.cell)] for one in spread_out.placed}
    found = status(spread_out, attempts, {}).changes
    assert [
        (one.before.build.name, one.before.platform, one.after.build.name, one.after.platform) for one in found
    ] == [
        ("2025", "systrap", "2026", "systrap"),
        ("2026", "systrap", "2026", "ptrace"),
    ]


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
    assert [(one.experiment, one.before.outcome.in_short, one.after.outcome.in_short) for one in change.outcomes] == [
        ("exp02", "apiserver-serving, dev-kmsg-missing", "node-registered")
    ]
    assert change.compared == 1
    assert (change.gone, change.new) == (("dev-kmsg-missing",), ())
    assert change.facts == (("veth", "no", "yes"),)


def test_a_sandbox_that_did_not_start_shows_no_blocker_gone() -> None:
    silent = attrs.evolve(GOOD, ending="not-started", verdict="error", milestones={})
    (change,) = status(plan(), done(without_2025=FAILED, without_2026=silent), {}).changes
    assert (len(change.outcomes), change.gone, change.new) == (1, (), ())


def test_what_is_known_of_a_difference_stands_beside_it_and_nowhere_else() -> None:
    known = (
        Explained(before="2025", after="2026", text="because"),
        Explained(before="2026", after="2025", text="never"),
    )
    explained = attrs.evolve(plan(), explained=known)
    (change,) = status(explained, done(without_2025=FAILED, without_2026=GOOD), {}).changes
    assert change.explained == ("because",)


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
    first, second = found.met["dev-kmsg-missing"]
    assert (first.runsc, len(first.met), len(first.absent)) == ("v2025", 1, 0)
    assert (second.runsc, len(second.met), len(second.absent)) == ("v2026", 0, 1)


def test_an_experiment_that_never_met_a_blocker_does_not_show_that_it_is_gone() -> None:
    passing = done(without_2025=FAILED, with_2026=GOOD)
    (only,) = status(plan(), passing, {}).met["dev-kmsg-missing"]
    assert (only.runsc, len(only.met)) == ("v2025", 1)
