"""The committed pages about the matrix lead to files that are committed as well."""

import re
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
DOCS = ROOT / "docs"
LINK = re.compile(r"\]\(([^)#\s]+)\)|href=\"([^\"#]+)\"")


@pytest.mark.parametrize(
    "page",
    [DOCS / "status.md", DOCS / "status.html", *sorted((DOCS / "blockers").glob("*.md"))],
    ids=lambda page: page.name,
)
def test_every_link_of_a_page_leads_to_a_file(page: Path) -> None:
    links = {first or second for first, second in LINK.findall(page.read_text(encoding="utf-8"))}
    assert [link for link in links if "://" not in link and not (page.parent / link).is_file()] == []
