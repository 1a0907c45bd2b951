"""Which known blocker a log line shows.

The problem: dozens of rules, logs of a gigabyte, and words that stand in harmless lines too. One failure is printed
up to four times (klog line, ``Error:`` line, k3s's shutdown line, Go panic) and must stay one blocker; a fatal line
that nobody knows must not get lost.

The idea: three sieves whose cost does not depend on the number of rules. A line without any of a few words of failure
is turned away at once; the words of what is left are looked up in a table of key words; only the rules found there
try their patterns. Rules do not depend on their order: every rule that matches is named. A line in the shape of an
end that no fatal rule explains becomes ``unclassified``.

What this module must not do: look at more than one line, count, or decide what a blocker means for a run.
"""

import re
from collections.abc import Iterable, Mapping
from types import MappingProxyType
from typing import Final

import attrs

from runner.core.blocker_rule import BlockerRule
from runner.core.blocker_rules import ROWS
from runner.core.lines import ParsedLine

__all__ = ["RULES", "TRIGGERS", "UNCLASSIFIED", "BlockerRule", "Matcher", "classify"]

UNCLASSIFIED: Final = BlockerRule(
    id="unclassified",
    component="unknown",
    fatal=True,
    severity="critical",
    lies_before="pod-running",
    keys=("fatal", "panic", "exited", "ContainerManager", "ProxyServer", "command"),
    # Ends that are announced: by logrus, klog, Go's runtime, k3s about its components, and by error lines after which
    # kubelet or kube-proxy exit. A line that ends in 'err=<' has its cause in the lines after it; those are looked at.
    pattern=r"^time=\S+ level=(?:fatal|panic) |^F\d{4} |^panic: |^fatal error: "
    r"|Shutdown request received: [^:]* exited: "
    r'|\] "(?:Failed to start ContainerManager|Error running ProxyServer|command failed)" err=(?!<$)',
    # What a component says that was told to stop.
    unless=r"Shutdown request received: [^:]* exited: context canceled",
    symptom="A component ends with a reason that no rule knows.",
    cause="Not known: a new finding.",
    workaround="Read the line and what stands before it; if it comes again, it deserves a rule.",
    advice="read the log before this line; add a rule if it comes again",
)

RULES: Final[Mapping[str, BlockerRule]] = MappingProxyType({rule.id: rule for rule in (*ROWS, UNCLASSIFIED)})
"""All rules by id, :data:`UNCLASSIFIED` among them."""

if len(RULES) != len(ROWS) + 1:
    raise ValueError("blocker rules: two rows have the same id; ids are names in results, rename one")

# Every line that a rule means holds one of these; a test generates lines from each pattern to prove it. Words of
# failure are few and do not get more with the rules. Case is kept: 'ailed' is Failed and failed.
TRIGGERS: Final = (
    "ailed",
    "not ",
    "no such",
    "n't ",
    "nable to",
    "nvalid",
    "denied",
    "read-only",
    "rror",
    "fatal",
    "panic",
    "exited",
    "is locked",
    "Slow SQL",
    "NotReady",
)

_WORD = re.compile(r"[A-Za-z_]\w{2,}")
_ESCAPED_BLANK = re.compile(r"\\[nrt]")


@attrs.frozen(kw_only=True)
class _Compiled:
    rule: BlockerRule
    pattern: re.Pattern[str]
    unless: re.Pattern[str] | None

    def hits(self, text: str) -> bool:
        return self.pattern.search(text) is not None and (self.unless is None or self.unless.search(text) is None)


class Matcher:
    """A set of rules made ready for many lines.

    Args:
        rules: In the order in which their hits are reported; the order changes nothing else.
        fallback: What an end that no fatal rule explains is called.
    """

    def __init__(self, rules: Iterable[BlockerRule], fallback: BlockerRule) -> None:
        self._fallback = _compile(fallback)
        self._compiled = tuple(_compile(rule) for rule in rules)
        by_key: dict[str, list[int]] = {}
        for index, compiled in enumerate(self._compiled):
            for key in compiled.rule.keys:
                by_key.setdefault(key, []).append(index)
        self._by_key = by_key

    def match(self, text: str) -> tuple[BlockerRule, ...]:
        """All rules that the line shows, else the fallback if it announces an end, else nothing."""
        is_klog_fatal = text.startswith("F") and text[1:5].isdigit()
        if not is_klog_fatal and not any(trigger in text for trigger in TRIGGERS):
            return ()
        # An interceptor's line is never a failure. It is written at once and ends with its newline, so where it got
        # into the middle of another line, the rest of that line is all its own.
        text = text.partition("[PTRACE:")[0]
        if "\\" in text:
            # Within quotes a newline is written as \n, which would stick to the next word.
            text = _ESCAPED_BLANK.sub(" ", text)
        words = set(_WORD.findall(text))
        tried = {index for word in self._by_key.keys() & words for index in self._by_key[word]}
        hits = tuple(self._compiled[index].rule for index in sorted(tried) if self._compiled[index].hits(text))
        announces_end = (is_klog_fatal or not words.isdisjoint(self._fallback.rule.keys)) and self._fallback.hits(text)
        if announces_end and not any(rule.fatal for rule in hits):
            return (*hits, self._fallback.rule)
        return hits


def _compile(rule: BlockerRule) -> _Compiled:
    unless = None if rule.unless is None else re.compile(rule.unless)
    return _Compiled(rule=rule, pattern=re.compile(rule.pattern), unless=unless)


_MATCHER: Final = Matcher(ROWS, UNCLASSIFIED)


def classify(line: ParsedLine | str) -> tuple[BlockerRule, ...]:
    """The blockers that a line shows; empty for nearly every line."""
    return _MATCHER.match(line if isinstance(line, str) else line.text)
