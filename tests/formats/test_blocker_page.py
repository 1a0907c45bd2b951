"""The pages in docs/blockers are those that the rules make, and each says what a reader in trouble wants."""

from pathlib import Path

import pytest

from runner.core.blockers import RULES
from runner.formats.blocker_page import blocker_pages

ROOT = Path(__file__).parents[2]
PAGES = blocker_pages(RULES, [path.name.removesuffix(".log.gz") for path in ROOT.glob("tests/logs/*.log.gz")])


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
