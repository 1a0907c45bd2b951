"""Runs as JUnit XML: what every CI shows in its tests tab.

A suite is a run of an experiment, a case is an assertion; two cases more say whether the run came out as declared and
whether it measured anything. An assertion that fails in a run that is as expected is an expected failure: JUnit knows no such
thing, so it is a skipped case of type ``xfail`` with the reason. A run that died early still has every case.

What this module must not do: write what XML 1.0 forbids; log lines hold control characters.
"""

import re
from collections.abc import Iterable, Sequence
from xml.etree import ElementTree as ET

from runner.core.compare import why_not_measured
from runner.formats.words import furthest, headline, where
from runner.model.result import AssertionResult, RunResult

# Everything outside of XML 1.0's Char.
_FORBIDDEN = re.compile("[^\t\n\r\u0020-\ud7ff\ue000-\ufffd\U00010000-\U0010ffff]")


def results_to_junit(results: Iterable[RunResult], problems: Sequence[str] = ()) -> str:
    """One document for all runs.

    Args:
        results: The runs.
        problems: What could not be read, or is not there: each a case that is an error, so that nothing run is never green.
    """
    root = ET.Element("testsuites", name="runner")
    suites = [_suite(result) for result in results]
    if problems:
        suites.append(_problems(problems))
    for key in ("tests", "failures", "errors"):  # Jenkins' schema knows no "skipped" here
        root.set(key, str(sum(int(suite.get(key, "0")) for suite in suites)))
    root.set("time", f"{sum(float(suite.get('time', '0')) for suite in suites):.3f}")
    root.extend(suites)
    ET.indent(root)
    return '<?xml version="1.0" encoding="UTF-8"?>\n' + ET.tostring(root, encoding="unicode") + "\n"


def _problems(problems: Sequence[str]) -> ET.Element:
    count = str(len(problems))
    suite = ET.Element("testsuite", name="results", tests=count, failures="0", errors=count, skipped="0", time="0.000")
    for number, problem in enumerate(problems, start=1):
        case = ET.SubElement(suite, "testcase", classname="results", name=f"result {number} is there", time="0.000")
        _child(case, "error", "no-result", problem, problem)
    return suite


def _suite(result: RunResult) -> ET.Element:
    name = f"exp{result.experiment.number:02d}"
    suite = ET.Element(
        "testsuite",
        name=f"{name} {result.experiment.slug}",
        timestamp=result.started_at.removesuffix("Z"),
        time=f"{result.duration_s:.3f}",
        hostname=_clean(result.arena.kind),
        id=result.run_id,
    )
    properties = ET.SubElement(suite, "properties")
    facts = {
        "run_id": result.run_id,
        "verdict": result.verdict,
        "furthest": furthest(result),
        "ended_by": result.ended_by.reason or "",
        "where": where(result),
        "blockers": " ".join(b.id for b in result.blockers if b.count),
        "overcome": " ".join(b.id for b in result.blockers if not b.count),
    }
    for key, value in facts.items():
        ET.SubElement(properties, "property", name=key, value=_clean(value))
    cases = [_outcome_case(result, name), *(_case(result, name, claim) for claim in result.assertions)]
    suite.extend(cases)
    suite.set("tests", str(len(cases)))
    for key, tag in (("failures", "failure"), ("errors", "error"), ("skipped", "skipped")):
        suite.set(key, str(sum(case.find(tag) is not None for case in cases)))
    return suite


def _outcome_case(result: RunResult, name: str) -> ET.Element:
    """The run as a whole; a failure's type is the blocker that ended it."""
    case = ET.Element("testcase", classname=name, name="outcome as declared", time=f"{result.duration_s:.3f}")
    blocker = next((b for b in result.blockers if b.fatal and b.count), None)
    if (why := why_not_measured(result)) is not None:
        _child(case, "error", result.ended_by.reason or "unfinished", why, "")
    elif not result.as_expected:
        kind = blocker.id if blocker else result.ended_by.reason or "outcome"
        _child(case, "failure", kind, headline(result), blocker.line if blocker else result.ended_by.detail)
    elif result.verdict == "fail":
        reason = blocker.id if blocker else result.ended_by.reason or ""
        _child(case, "skipped", "xfail", f"expected failure: {reason}", "")
    return case


def _case(result: RunResult, name: str, claim: AssertionResult) -> ET.Element:
    case = ET.Element("testcase", classname=name, name=_clean(f"{claim.id}: {claim.claim}"), time="0.000")
    match claim.verdict:
        case "pass":
            ET.SubElement(case, "system-out").text = _clean(claim.evidence)
        case "fail" if result.as_expected:
            _child(case, "skipped", "xfail", f"expected failure: {claim.evidence}", "")
        case "fail":
            _child(case, "failure", claim.id, claim.evidence, claim.evidence)
        case "error":
            _child(case, "error", claim.id, claim.evidence, claim.evidence)
        case _:
            _child(case, "skipped", claim.verdict, f"{claim.verdict}: {claim.evidence}", "")
    return case


def _child(case: ET.Element, tag: str, kind: str, message: str, text: str) -> None:
    ET.SubElement(case, tag, type=_clean(kind), message=_clean(message)).text = _clean(text) or None


def _clean(text: str) -> str:
    return _FORBIDDEN.sub("\N{REPLACEMENT CHARACTER}", text)
