"""A page as titled tables, the same for Markdown and HTML.

What this module must not do: know what the page is about.
"""

import re
from collections.abc import Iterable
from typing import Final, Literal

import attrs

from runner.formats.markdown import Safe, cell, table

_PLAIN: Final = re.compile(r"[\w ,.:;+()/?>-]*")
Tone = Literal["good", "bad", "warn", "soft", ""]
SIGNS: Final[dict[str, str]] = {"good": "✅ ", "bad": "❌ ", "warn": "❔ ", "soft": "", "": ""}
# A page has colours, and cannot rely on a font with pictures.
PLAIN_SIGNS: Final[dict[str, str]] = {"good": "✓ ", "bad": "✗ ", "warn": "? ", "soft": "", "": ""}


@attrs.frozen(kw_only=True)
class Entry:
    """What stands in one place of a table."""

    text: str
    href: str = ""
    tone: Tone = ""


@attrs.frozen(kw_only=True)
class Section:
    """A heading, what there is to say, and one table.

    Attributes:
        title: The heading.
        anchor: What a link to it ends with.
        text: Paragraphs above the table.
        headings: Of the table's columns.
        rows: Of the table; none is no table.
        code: Shell lines below it.
    """

    title: str
    anchor: str
    text: tuple[str, ...] = ()
    headings: tuple[str, ...] = ()
    rows: tuple[tuple[Entry, ...], ...] = ()
    code: tuple[str, ...] = ()


def sections_markdown(found: Iterable[Section]) -> list[str]:
    """Lines of Markdown."""
    text = []
    for section in found:
        text += [f'<a id="{section.anchor}"></a>', "", f"## {cell(section.title)}", ""]
        for line in section.text:
            text += [_prose(line), ""]
        if section.rows:
            text += [*table(section.headings, [[_marked(entry) for entry in row] for row in section.rows]), ""]
        if section.code:
            text += ["```sh", *section.code, "```", ""]
    return text


def _prose(text: str) -> str:
    # Sentences of ours around names that declarations check; only what HTML would swallow needs care.
    return text.replace("<", "&lt;")


def _marked(entry: Entry) -> Safe:
    # A list of ids is never cut, and has nothing in it that means anything.
    text = SIGNS[entry.tone] + (entry.text if _PLAIN.fullmatch(entry.text) else cell(entry.text))
    return Safe(f"[{text}]({entry.href})" if entry.href else text)
