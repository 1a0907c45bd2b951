"""The terminal's view of a comparison: golden over real results."""

import io

import attrs
from golden import check_golden
from rich.console import Console
from some_results import blocked_by, reaching, real

from runner.core.compare import Side, compare
from runner.core.gate import gate
from runner.core.milestones import MILESTONES
from runner.show.compared import print_comparison

K3S = real("exp13-k3s")


def shown(*sides: Side) -> str:
    out = io.StringIO()
    comparison = compare(sides)
    gates = [gate(comparison, number) for number in range(1, len(sides))]
    print_comparison(Console(file=out, width=160, color_system=None), comparison, gates)
    return "".join(line.rstrip() + "\n" for line in out.getvalue().splitlines())


def test_real_k3s_and_the_stand_in_side_by_side() -> None:
    sides = (Side(label="k3s", results=(K3S,)), Side(label="stand-in", results=(real("exp13-standin"),)))
    check_golden("compared.txt", shown(*sides))


def test_a_regression_a_flaky_side_and_one_that_broke_in_one_view() -> None:
    short = blocked_by(reaching(K3S, *MILESTONES[:4]), "dev-kmsg-missing", count=2)
    sides = (
        Side(label="baseline", results=(K3S, K3S, K3S)),
        Side(label="head", results=(short, short, short)),
        Side(label="flaky", results=(K3S, short, K3S)),
        Side(label="killed", results=(attrs.evolve(K3S, state="running"),)),
    )
    check_golden("regressed.txt", shown(*sides))
