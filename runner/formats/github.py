"""What GitHub's runner understands: the job summary, and one annotation for each new blocker.

A summary above 1 MiB a step is refused as a whole, so it is cut before that, between lines. Annotations are few by GitHub's
own limits (ten a step) and are worth something only while they are: one for each *new* blocker, not for each log line.
"""

from collections.abc import Iterable

from runner.core.blockers import RULES
from runner.core.compared import Comparison
from runner.core.gate import Gate

CAP_BYTES = 1024 * 1024
KEPT_BYTES = CAP_BYTES - 64 * 1024
CUT = "\n\n*Cut here: the rest does not fit into a job summary. The report among the artifacts has all of it.*\n"


def summary(markdown: str, already_there: int = 0) -> str:
    """The text to append to ``$GITHUB_STEP_SUMMARY``, cut so that the file stays below the cap.

    Args:
        markdown: What should be said.
        already_there: Bytes in the file before.
    """
    room = max(0, KEPT_BYTES - already_there - len(CUT.encode()))
    data = markdown.encode()
    if len(data) <= room:
        return markdown + "\n"
    kept = data[:room].rpartition(b"\n")[0].decode(errors="ignore")
    fence = "\n```" if kept.count("\n```") % 2 else ""
    return kept + fence + CUT if kept else ""


def annotations(gates: Iterable[Gate], comparison: Comparison) -> list[str]:
    """Workflow commands: an error for each new blocker, a warning for each side with other regressions."""
    lines = []
    states = {
        row.id: dict(zip((s.label for s in comparison.sides), row.states, strict=True)) for row in comparison.blockers
    }
    for gate in gates:
        for name in gate.new_blockers:
            rule = RULES.get(name)
            what = f"{rule.symptom} Advice: {rule.advice}" if rule else "no rule of that name is known here"
            said = f"{gate.side}: {states.get(name, {}).get(gate.side, 'seen')}. {what}"
            lines.append(f"::error title={_property(f'new blocker {name}')}::{_data(said)}")
        others = [line for line in gate.regressions if not line.startswith("blocker ")]
        if others:
            lines.append(f"::warning title={_property(f'regression in {gate.side}')}::{_data('; '.join(others))}")
    return lines


def _data(text: str) -> str:
    return text.replace("%", "%25").replace("\r", "%0D").replace("\n", "%0A")


def _property(text: str) -> str:
    return _data(text).replace(":", "%3A").replace(",", "%2C")
