"""Runs as rows: what was left out, what came of it, and no run is hidden."""

import attrs
from hypothesis import given
from some_results import any_result, real

from runner.formats.rows import results_to_rows
from runner.formats.words import left_out, rerun_command
from runner.model.result import RunResult

K3S = real("exp13-k3s")


def without(result: RunResult, *names: str) -> RunResult:
    steps = tuple(
        attrs.evolve(step, outcome="skipped", reason="left out by --without") if step.id in names else step
        for step in result.steps
    )
    return attrs.evolve(result, steps=steps)


def test_a_row_says_what_was_left_out_and_when_what_blocked() -> None:
    text = results_to_rows([K3S, without(K3S, "kmsg")])
    assert text.count("**exp13: k3s v1.34.1+k3s1 in gvisor") == 1
    first, second = text.splitlines()[4:6]
    assert first.startswith("| nothing | flannel-vxlan-unsupported | ")
    assert second.startswith("| kmsg | flannel-vxlan-unsupported | ")
    assert first.endswith("| node-ready | as declared |")


def test_all_parts_of_the_view_are_the_view() -> None:
    parts = [step.id for step in K3S.steps if step.kind == "view"]
    whole = without(K3S, "kmsg", *parts)
    assert left_out(whole) == ("kmsg", "view")
    assert rerun_command(whole).endswith("--without kmsg --without view")
    assert left_out(without(K3S, *parts[1:])) == tuple(parts[1:])


def test_what_came_out_otherwise_says_so() -> None:
    other = attrs.evolve(K3S, as_expected=False, differences=("new blocker a|b",))
    assert "| not as declared: new blocker a\\|b |" in results_to_rows([other])


@given(result=any_result())
def test_any_result_is_one_row(result: RunResult) -> None:
    lines = [line for line in results_to_rows([result]).splitlines() if line.startswith("|")]
    assert len(lines) == 3
    assert {line.replace("\\|", "").count("|") for line in lines} == {7}
