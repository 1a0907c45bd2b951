"""TAP that any harness reads: a plan that is right, and expected failures marked as such."""

import re

import attrs
from hypothesis import given
from some_results import any_result, real

from runner.formats.tap import results_to_tap
from runner.model.result import RunResult

POINT = re.compile(r"(ok|not ok) (\d+) - [^\n]*")


@given(result=any_result())
def test_the_plan_counts_the_points_and_nothing_else_is_in_it(result: RunResult) -> None:
    lines = results_to_tap([result, result]).splitlines()
    assert lines[0] == "TAP version 14"
    points = [line for line in lines[2:] if not line.startswith("# ")]
    assert lines[1] == f"1..{len(points)}"
    numbers = [match[2] for line in points if (match := POINT.fullmatch(line))]
    assert numbers == [str(number) for number in range(1, len(points) + 1)]


def test_an_expected_failure_is_a_todo() -> None:
    first = results_to_tap([real("exp13-k3s")]).splitlines()[4]
    assert first.startswith("not ok 1 - exp13 fail, as expected # TODO expected failure, ended by flannel-vxlan")


def test_an_unexpected_failure_is_just_not_ok() -> None:
    result = attrs.evolve(real("exp13-k3s"), as_expected=False, differences=("something # SKIP",))
    first = results_to_tap([result]).splitlines()[4]
    assert first == r"not ok 1 - exp13 fail, not as expected: something \# SKIP"
