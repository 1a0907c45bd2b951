"""Markdown: golden over real results, and text from logs that cannot become markup."""

import re

import attrs
from golden import check_golden
from hypothesis import given
from hypothesis import strategies as st
from some_results import blocked_by, real

from runner.core.compare import Side, compare
from runner.core.gate import gate
from runner.formats.csv_table import comparison_to_csv, results_to_csv
from runner.formats.markdown import cell, code, comparison_to_markdown, result_to_markdown

K3S, STANDIN = real("exp13-k3s"), real("exp13-standin")


def test_a_real_run_as_markdown() -> None:
    check_golden("exp13-k3s.md", result_to_markdown(K3S))


def test_two_real_runs_compared_as_markdown_and_csv() -> None:
    comparison = compare([Side(label="k3s", results=(K3S,)), Side(label="stand-in", results=(STANDIN,))])
    check_golden("compared.md", comparison_to_markdown(comparison, [gate(comparison)]))
    check_golden("compared.csv", comparison_to_csv(comparison))


def test_a_real_run_as_csv() -> None:
    check_golden("exp13-k3s.csv", results_to_csv([K3S]))


@given(text=st.text(alphabet=st.sampled_from("a|`<>\n\r\t\\*[]")))
def test_text_from_a_log_stays_one_cell(text: str) -> None:
    for made in (cell(text), code(text)):
        assert "\n" not in made
        assert not re.search(r"(?<!\\)(?:\\\\)*\|", made.replace("\\\\", "")) or made.startswith("`")
    assert "<" not in cell(text)
    assert "`" not in cell(text)
    assert code(text).count("`") in {0, 2}


def test_a_line_full_of_markup_does_not_add_a_column() -> None:
    nasty = attrs.evolve(blocked_by(K3S, "dev-kmsg-missing").blockers[0], line="a | b ` c | <img src=x> @someone\n| d")
    rows = [
        line
        for line in result_to_markdown(attrs.evolve(K3S, blockers=(nasty,))).splitlines()
        if "dev-kmsg-missing" in line
    ]
    assert [len(re.findall(r"(?<!\\)\|", row)) for row in rows] == [7]


def test_a_cell_that_a_spreadsheet_would_run_is_text() -> None:
    nasty = attrs.evolve(blocked_by(K3S, "dev-kmsg-missing").blockers[0], line="=HYPERLINK(1)")
    assert ",'=HYPERLINK(1)\n" in results_to_csv([attrs.evolve(K3S, blockers=(nasty,))])
