"""Series, matrix and merge on the command line: exit codes, bad declarations, pages from what is there."""

import json
import sys
from pathlib import Path

import attrs
import pytest
from click.testing import CliRunner, Result
from some_cells import BAD, GOOD, NOT_TO_BE_HAD, attempt

from runner.campaign.declaration import plan_of, read_matrix
from runner.campaign.drive import Campaign, CampaignEnd
from runner.campaign.journal import Journal
from runner.cli import campaigns
from runner.cli.exit_codes import ExitCode
from runner.cli.main import cli, main
from runner.core.cell import CellOutcome
from runner.core.matrix import MatrixError
from runner.core.series import series_rows
from runner.formats.series import put_between_marks, series_markdown, series_words

DECLARED = Path(__file__).parents[2] / "matrix.toml"
SMALL = """
experiments = ["exp13"]
[[runsc]]
name = "2025-10"
[[runsc]]
name = "2026-09"
[[workloads]]
kind = "k3s"
version = "v1.34.1+k3s1"
"""


@pytest.fixture
def declaration(tmp_path: Path) -> Path:
    path = tmp_path / "small.toml"
    path.write_text(SMALL)
    return path


def runner(*words: str) -> Result:
    return CliRunner().invoke(cli, words)


def test_the_declared_matrix_spans_builds_workloads_and_the_whole_series() -> None:
    plan = plan_of(read_matrix(DECLARED))
    assert len({column.build.name for column in plan.columns}) >= 3
    assert len({str(column.workload) for column in plan.columns if column.workload.kind == "kubernetes"}) >= 2
    whole = [one for one in plan.placed if not one.left_out]
    assert len(whole) + len(plan.impossible) == len(plan.columns) * len(plan.experiments)


@pytest.mark.parametrize(
    ("text", "why"),
    [
        ("runsc = [", "small.toml: .*"),
        (SMALL + 'colour = "red"\n', "small.toml: no matrix: .*colour"),
        ("[[workloads]]\nkind = 'k3s'\nversion = 'v1'\n", "small.toml: no matrix: .*runsc"),
        (SMALL.replace('"k3s"', '"docker"'), "small.toml: no matrix: .*kind"),
    ],
    ids=["not TOML", "unknown key", "missing axis", "unknown workload"],
)
def test_a_bad_declaration_is_named_with_the_key(text: str, why: str, declaration: Path) -> None:
    declaration.write_text(text)
    with pytest.raises(MatrixError, match=why):
        read_matrix(declaration)


def test_show_lists_every_cell_and_runs_nothing(declaration: Path, tmp_path: Path) -> None:
    said = runner("matrix", "--declaration", str(declaration), "show", "--json", "--results", str(tmp_path / "none"))
    assert said.exit_code == 0, said.output
    assert said.stderr == f"note: {tmp_path / 'none'}: no such directory, so nothing counts as run\n"
    assert [(row["runsc"], row["outcome"]) for row in json.loads(said.stdout)] == [
        ("2025-10", "not run"),
        ("2026-09", "not run"),
    ]
    assert not (tmp_path / "none").exists()


def test_the_page_leads_to_each_result_and_names_what_could_not_be_had(declaration: Path, tmp_path: Path) -> None:
    first, second = (one.cell for one in plan_of(read_matrix(declaration)).placed)
    Journal.write(tmp_path / "results", attempt(first, NOT_TO_BE_HAD))
    Journal.write(tmp_path / "results", attempt(second, BAD))
    made = runner(
        "matrix", "--declaration", str(declaration), "page", "--results", str(tmp_path / "results"), "--out",
        str(tmp_path / "docs/status.md"),
    )  # fmt: skip
    assert made.exit_code == 0, made.output
    markdown = (tmp_path / "docs/status.md").read_text()
    assert "| exp13 redirect-proc-sys | [❔ not to be had](../results/exp13/run-1/result.json) |" in markdown
    assert "[❌ workload-started, some-blocker](../results/exp13/run-1/result.json)" in markdown
    page = (tmp_path / "docs/status.html").read_text()
    assert 'href="../results/exp13/run-1/result.json"' in page
    assert "from 2 runs, 2026-11-25: 2 cells, 1 fail, 1 unavailable" in page


@pytest.mark.parametrize(
    ("names", "why"),
    [
        (["none"], "none: no such directory"),
        (["full", "none"], "none: no such directory"),
        (["empty"], "empty: no attempt at a cell of this matrix"),
    ],
    ids=", ".join,
)
def test_no_page_is_made_from_nothing_or_from_a_directory_that_is_not_there(
    names: list[str],
    why: str,
    declaration: Path,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    Journal.write(tmp_path / "full", attempt(plan_of(read_matrix(declaration)).placed[0].cell, GOOD))
    (tmp_path / "empty").mkdir()
    words = [word for name in names for word in ("--results", str(tmp_path / name))]
    out = tmp_path / "docs/status.md"
    argv = ["runner", "matrix", "--declaration", str(declaration), "page", "--out", str(out), *words]
    monkeypatch.setattr(sys, "argv", argv)
    with pytest.raises(SystemExit) as ended:
        main()
    assert ended.value.code == ExitCode.NOTHING_RUN
    said = capsys.readouterr()
    assert (said.out, said.err.count("\n")) == ("", 1)
    assert f"error: {tmp_path / why}" in said.err
    assert not out.parent.exists()


def test_merging_says_what_it_took_and_ends_with_one_on_a_conflict(declaration: Path, tmp_path: Path) -> None:
    one = plan_of(read_matrix(declaration)).placed[0].cell
    for name, outcome in (("a", GOOD), ("b", BAD)):
        Journal.write(tmp_path / name, attrs.evolve(attempt(one, outcome), id=f"20261125T100000Z-{name}", run=""))
    words = ("merge", str(tmp_path / "a"), str(tmp_path / "b"), "--into", str(tmp_path / "merged"))
    said = runner(*words)
    assert (said.exit_code, said.output.splitlines()[0]) == (ExitCode.UNEXPECTED, "2 attempts taken, 0 were there")
    assert "conflict: exp13 on k3s v1.34.1+k3s1" in said.output
    assert runner("merge", str(tmp_path / "a"), "--into", str(tmp_path / "other")).exit_code == ExitCode.AS_EXPECTED


@pytest.mark.parametrize(
    "words",
    [("--shard", "3"), ("--shard", "x/2"), ("--runsc", "2019-01"), ("--workload", "docker")],
    ids=" ".join,
)
def test_words_that_choose_no_cell_are_usage(
    words: tuple[str, ...], declaration: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    argv = ["runner", "matrix", "--declaration", str(declaration), "run", *words, "--results", str(tmp_path)]
    monkeypatch.setattr(sys, "argv", argv)
    with pytest.raises(SystemExit) as ended:
        main()
    assert ended.value.code == ExitCode.USAGE
    assert not (tmp_path / "cells").exists()


def test_a_series_row_says_the_stand_in_and_how_many_agree(declaration: Path) -> None:
    one = plan_of(read_matrix(declaration)).placed[0].cell
    standin = attrs.evolve(one, workload="standin")
    attempts = [attempt(standin, outcome, number=n) for n, outcome in enumerate((GOOD, GOOD, BAD))]
    real, pretended = series_rows((one, standin), {standin.fingerprint: attempts})
    assert series_words(real) == ("13 redirect-proc-sys", "", "", "", "not run", "")
    assert series_words(pretended) == (
        "13 redirect-proc-sys (stand-in)",
        "7.0 s",
        "some-blocker",
        "node-registered or workload-started",
        "pass or fail, not as expected",
        "2 of 3",
    )


def test_a_page_keeps_what_stands_around_the_marks(declaration: Path) -> None:
    one = plan_of(read_matrix(declaration)).placed[0].cell
    block = series_markdown(series_rows((one,), {}), ["first"])
    again = series_markdown(series_rows((one,), {}), ["second"])
    page = put_between_marks(f"# Mine\n\n{block}\nafter\n", again)
    assert page == f"# Mine\n\n{again}\nafter\n"
    assert put_between_marks(page, again) == page
    assert put_between_marks("", block).startswith("# The series\n")


@pytest.mark.parametrize(
    ("end", "outcomes", "code"),
    [
        ("complete", [GOOD, GOOD], ExitCode.AS_EXPECTED),
        ("complete", [GOOD, BAD], ExitCode.UNEXPECTED),
        ("complete", [attrs.evolve(GOOD, verdict="error", as_expected=False), BAD], ExitCode.HARNESS),
        ("complete", [NOT_TO_BE_HAD], ExitCode.SKIPPED),
        ("budget", [], ExitCode.NOTHING_RUN),
        ("interrupted", [GOOD], ExitCode.INTERRUPTED),
    ],
    ids=lambda value: value if isinstance(value, str) else "",
)
def test_a_series_ends_with_the_worst_of_its_outcomes(
    end: CampaignEnd, outcomes: list[CellOutcome], code: ExitCode, declaration: Path
) -> None:
    one = plan_of(read_matrix(declaration)).placed[0].cell
    campaign = Campaign(end=end, made=(), left=(), elapsed_s=1.0)
    assert campaigns.series_code(campaign, [attempt(one, outcome) for outcome in outcomes]) == code


@pytest.mark.parametrize(
    ("end", "outcomes", "code"),
    [
        ("complete", [GOOD, BAD, NOT_TO_BE_HAD], ExitCode.AS_EXPECTED),
        ("complete", [GOOD, attrs.evolve(GOOD, ending="not-started", verdict="error")], ExitCode.AS_EXPECTED),
        ("complete", [GOOD, attrs.evolve(GOOD, verdict="error")], ExitCode.HARNESS),
        ("complete", [NOT_TO_BE_HAD], ExitCode.NOTHING_RUN),
        ("interrupted", [GOOD], ExitCode.INTERRUPTED),
    ],
    ids=lambda value: value if isinstance(value, str) else "",
)
def test_a_matrix_maps_and_only_a_broken_runner_or_no_measurement_is_an_error(
    end: CampaignEnd, outcomes: list[CellOutcome], code: ExitCode, declaration: Path
) -> None:
    one = plan_of(read_matrix(declaration)).placed[0].cell
    campaign = Campaign(end=end, made=(), left=(), elapsed_s=1.0)
    assert campaigns.matrix_code(campaign, [attempt(one, outcome) for outcome in outcomes]) == code
