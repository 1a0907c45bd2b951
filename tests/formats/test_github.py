"""GitHub: below the cap, whatever comes, and one annotation for each new blocker."""

from hypothesis import given
from hypothesis import strategies as st
from some_results import blocked_by, reaching, real

from runner.core.compare import Side, compare
from runner.core.gate import gate
from runner.core.milestones import MILESTONES
from runner.formats.github import CAP_BYTES, annotations, summary

K3S = real("exp13-k3s")


@given(line=st.text(min_size=1, max_size=50), times=st.integers(1, 60_000), before=st.integers(0, CAP_BYTES))
def test_a_summary_never_reaches_the_cap(line: str, times: int, before: int) -> None:
    text = "\n".join([line] * times)
    assert before > CAP_BYTES - 1 or before + len(summary(text, before).encode()) < CAP_BYTES


def test_what_fits_is_whole_and_what_does_not_says_so() -> None:
    assert summary("short") == "short\n"
    assert summary("line\n" * 300_000).endswith("has all of it.*\n")
    assert summary("x", CAP_BYTES) == ""


def test_each_new_blocker_is_one_annotation_and_no_other_is() -> None:
    before = blocked_by(reaching(K3S, *MILESTONES[:7]), "ipset-unavailable", count=9)
    after = blocked_by(reaching(K3S, *MILESTONES[:4]), "dev-kmsg-missing", "ipset-unavailable", count=9)
    comparison = compare([Side(label="base", results=(before,)), Side(label="head: 1,2", results=(after,))])
    lines = annotations([gate(comparison)], comparison)
    errors = [line for line in lines if line.startswith("::error ")]
    assert len(errors) == 1
    assert errors[0].startswith("::error title=new blocker dev-kmsg-missing::head: 1,2: seen 9 times. ")
    warnings = [line for line in lines if line.startswith("::warning ")]
    assert len(warnings) == 1
    assert "title=regression in head%3A 1%2C2::" in warnings[0]
    assert all("\n" not in line for line in lines)


def test_nothing_new_says_nothing() -> None:
    comparison = compare([Side(label="a", results=(K3S,)), Side(label="b", results=(K3S,))])
    assert annotations([gate(comparison)], comparison) == []
