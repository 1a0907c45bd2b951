"""The pages in docs/blockers are those that the rules make, and each says what a reader in trouble wants."""

from pathlib import Path

import attrs
import pytest
from some_cells import BAD, attempt, cell

from runner.campaign.journal import Journal
from runner.core.blockers import RULES
from runner.formats.blocker_page import blocker_page, blocker_pages
from runner.pages.reporting import KEPT_MATRIX, met_in_the_matrix
from runner.supply.gvisors import GVISORS

ROOT = Path(__file__).parents[2]
PAGES = blocker_pages(
    RULES,
    [path.name.removesuffix(".log.gz") for path in ROOT.glob("tests/logs/*.log.gz")],
    met_in_the_matrix(ROOT / KEPT_MATRIX),
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


def test_a_page_names_the_builds_in_which_the_matrix_met_it_oldest_first(tmp_path: Path) -> None:
    met = attrs.evolve(BAD, fatal=(KMSG.id,))
    for number, build in enumerate((GVISORS[3], GVISORS[1])):
        where = cell(runsc=build.version, workload="k3s", version="v1.34.1+k3s1")
        Journal.write(tmp_path, attempt(where, met, number=number))
    page = blocker_page(KMSG, seen=met_in_the_matrix(tmp_path)[KMSG.id])
    older, newer = (f"gVisor {build.name} ({build.version}): k3s v1.34.1+k3s1" for build in (GVISORS[1], GVISORS[3]))
    assert f"## Met in the matrix\n\n- {older}\n- {newer}\n" in page
    assert "Met in the matrix" not in blocker_page(KMSG)
