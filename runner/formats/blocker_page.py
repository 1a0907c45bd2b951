"""What is known about a blocker, as text: for ``explain``, and for the pages in ``docs/blockers`` made from the same rows."""

from collections.abc import Iterable, Mapping, Sequence

from runner.core.blocker_rule import BlockerRule
from runner.formats.markdown import cell, table

GENERATED = (
    "<!-- Made by `runner explain --markdown docs/blockers` from runner/core/blocker_rules*.py; change it there. -->"
)
LOGS = "../../tests/logs"
STATUS = "../status.md"
MATRIX = ("build", "workload", "met", "overcome", "not there")
ABSENT = (
    "*Not there*: an experiment that met it elsewhere got beyond its place here, though nothing that is known to hold it back"
    " was applied."
)


def facts_of(rule: BlockerRule) -> tuple[tuple[str, str], ...]:
    """Headings and texts, in the order in which a reader in trouble wants them; empty ones left out."""
    weight = "fatal" if rule.fatal else "degrading"
    facts = (
        ("What you see", rule.symptom),
        ("Why", rule.cause),
        ("What to do", rule.workaround),
        ("In one line", rule.advice),
        ("Weight", f"{weight}, {rule.severity}; stands before the milestone {rule.lies_before}"),
        ("Who fails", rule.component),
        ("Gone in", rule.gone_in),
    )
    return tuple((heading, text) for heading, text in facts if text)


def blocker_page(rule: BlockerRule, logs: Iterable[str] = (), seen: Iterable[Sequence[str]] = ()) -> str:
    """One page.

    Args:
        rule: The row.
        logs: Names of recorded logs that exist, for links.
        seen: What the matrix says: rows of build, workload, runs that met it, overcame it, did not find it.
    """
    known = set(logs)
    text = [f"# {rule.id}", "", GENERATED, ""]
    for heading, said in facts_of(rule):
        text += [f"## {heading}", "", _escape(said), ""]
    if rule.links:
        text += ["## Upstream", "", *(f"- <{link}>" for link in rule.links), ""]
    if rule.seen_in:
        places = (f"[`{name}`]({LOGS}/{name}.log.gz)" if name in known else name for name in rule.seen_in)
        text += ["## Seen in", "", *(f"- {place}" for place in places), ""]
    if rows := tuple(seen):
        text += ["## In the matrix", "", *table(MATRIX, rows), ""]
        text += [f"From the runs behind [what works where]({STATUS}). {ABSENT}", ""]
    text += ["## Recognised by", "", "```text", rule.pattern, "```", ""]
    if rule.unless is not None:
        text += ["but not", "", "```text", rule.unless, "```", ""]
    return "\n".join(text)


def blocker_index(rules: Iterable[BlockerRule]) -> str:
    """The page that lists all of them, fatal ones first."""
    ordered = sorted(rules, key=lambda rule: (not rule.fatal, rule.component, rule.id))
    text = [
        "# Blockers",
        "",
        GENERATED,
        "",
        "What stops k3s in gVisor, or costs it something; recognised in any log by `runner classify LOG`.",
        "",
    ]
    for heading, fatal in (("Fatal", True), ("Degrading", False)):
        rows = [
            (f"{rule.id}", rule.component, rule.severity, rule.lies_before, rule.advice)
            for rule in ordered
            if rule.fatal is fatal
        ]
        lines = table(("blocker", "component", "severity", "stands before", "what to do"), rows)
        linked = [*lines[:2], *(_linked(line, row[0]) for line, row in zip(lines[2:], rows, strict=True))]
        text += [f"## {heading}", "", *linked, ""]
    return "\n".join(text)


def blocker_pages(
    rules: Mapping[str, BlockerRule],
    logs: Iterable[str] = (),
    seen: Mapping[str, Iterable[Sequence[str]]] | None = None,
) -> dict[str, str]:
    """File name -> content, of all pages and the index."""
    known, met = tuple(logs), seen or {}
    return {"index.md": blocker_index(rules.values())} | {
        f"{rule.id}.md": blocker_page(rule, known, met.get(rule.id, ())) for rule in rules.values()
    }


def _linked(line: str, name: str) -> str:
    return line.replace(f"| {cell(name)} |", f"| [{name}]({name}.md) |", 1)


def _escape(text: str) -> str:
    # Prose of ours with code in back-ticks; only what HTML would swallow needs care.
    return text.replace("<", "&lt;")
