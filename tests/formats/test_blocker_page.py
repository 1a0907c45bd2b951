"""The pages in docs/blockers are those that the rules make, and each says what a reader in trouble wants."""

from pathlib import Path

import attrs
import pytest
from some_cells import BAD, GOOD, attempt, cell

from runner.campaign.journal import Journal
from runner.core.blockers import RULES
from runner.formats.blocker_page import blocker_page, blocker_pages
from runner.formats.markdown import Safe
from runner.pages.attempts import KEPT
from runner.pages.blockers import met_in_the_matrix
from runner.supply.gvisors import GVISORS

ROOT = Path(__file__).parents[2]
MET = met_in_the_matrix([ROOT / kept for kept in KEPT])
PAGES = blocker_pages(
    RULES,
    [path.name.removesuffix(".log.gz") for path in ROOT.glob("tests/logs/*.log.gz")],
    {name: MET.rows(name, ROOT / "docs/blockers") for name in RULES},
)
KMSG = RULES["dev-kmsg-missing"]


def test_there_is_a_page_for_each_rule_and_no_other() -> None:
    assert {path.name for path in (ROOT / "docs/blockers").glob("*.md")} == set(PAGES)


@pytest.mark.parametrize("name", PAGES)
def test_a_page_is_what_the_rules_make_of_it(name: str) -> None:
    written = (ROOT / "docs/blockers" / name).read_text()
    assert written == PAGES[name], "make it anew: python -m runner explain --markdown docs/blockers"


@pytest.mark.parametrize("rule", RULES.values(), ids=RULES)
def test_a_page_has_symptom_cause_and_workaround_and_the_index_links_it(rule) -> None:
    page = PAGES[f"{rule.id}.md"]
    for heading in ("# " + rule.id, "## What you see", "## Why", "## What to do", "## Recognised by"):
        assert f"{heading}\n" in page
    assert f"[{rule.id}]({rule.id}.md)" in PAGES["index.md"]


def test_a_page_says_in_which_builds_the_matrix_met_it_overcame_it_and_found_it_gone(tmp_path: Path) -> None:
    met = attrs.evolve(BAD, fatal=(KMSG.id,))
    overcome = attrs.evolve(GOOD, resolved={KMSG.id: "kmsg"}, applied=("kmsg",))
    held_back_in_silence = attrs.evolve(GOOD, applied=("kmsg",))
    for number, (build, outcome) in enumerate(
        ((GVISORS[3], GOOD), (GVISORS[1], met), (GVISORS[1], overcome), (GVISORS[2], held_back_in_silence))
    ):
        where = cell(runsc=build.version, workload="k3s", version="v1.34.1+k3s1")
        Journal.write(tmp_path / "results/matrix", attempt(where, outcome, number=number))
    met_here = met_in_the_matrix([tmp_path / "results/matrix", tmp_path / "results/series"])
    rows = [tuple(str(word) for word in row) for row in met_here.rows(KMSG.id, tmp_path / "docs/blockers")]
    link = "[exp90](../../results/matrix/exp90/run-{}/result.json)"
    assert rows == [
        (
            f"gVisor {GVISORS[1].name} ({GVISORS[1].version})",
            "k3s v1.34.1+k3s1",
            f"1 run, e.g. {link.format(1)}",
            f"1 run by kmsg, e.g. {link.format(2)}",
            "",
        ),
        (
            f"gVisor {GVISORS[3].name} ({GVISORS[3].version})",
            "k3s v1.34.1+k3s1",
            "",
            "",
            f"1 run, e.g. {link.format(0)}",
        ),
    ]
    assert f"| {rows[1][0]} | k3s v1.34.1+k3s1 |  |  | {rows[1][4]} |" in blocker_page(KMSG, seen=rows_safe(rows))
    assert "In the matrix" not in blocker_page(KMSG)


def rows_safe(rows: list[tuple[str, ...]]) -> list[tuple[Safe, ...]]:
    return [tuple(Safe(word) for word in row) for row in rows]
