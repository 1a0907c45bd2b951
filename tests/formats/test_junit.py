"""JUnit XML that CIs read: junitparser takes it, and nothing is in it that Jenkins' schema (junit-10) does not know."""

import os
from functools import cache
from typing import Any
from xml.etree import ElementTree as ET

import attrs
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from junitparser import JUnitXml
from some_results import any_result, real

from runner.formats.junit import results_to_junit
from runner.model.result import EndedBy, RunResult

K3S = real("exp13-k3s")

# element -> attributes, children; in our words, what junit-10 of Jenkins' xUnit plugin allows of what we write.
ALLOWED: dict[str, tuple[set[str], set[str]]] = {
    "testsuites": ({"name", "time", "tests", "failures", "errors"}, {"testsuite"}),
    "testsuite": (
        {"name", "tests", "failures", "errors", "time", "skipped", "timestamp", "hostname", "id"},
        {"properties", "testcase"},
    ),
    "properties": (set(), {"property"}),
    "property": ({"name", "value"}, set()),
    "testcase": ({"name", "classname", "time"}, {"skipped", "error", "failure", "system-out"}),
    "skipped": ({"type", "message"}, set()),
    "error": ({"type", "message"}, set()),
    "failure": ({"type", "message"}, set()),
    "system-out": (set(), set()),
}


@pytest.mark.skipif("JUNIT_XSD" not in os.environ, reason="nox -s formats fetches the schema and sets JUNIT_XSD")
@settings(max_examples=50)
@given(results=st.lists(any_result(), max_size=3))
def test_any_results_are_valid_by_jenkins_own_schema(results: list[RunResult]) -> None:
    jenkins_schema().validate(results_to_junit([*results, K3S, real("exp13-standin")], ["x: no such run"]))


@cache
def jenkins_schema() -> Any:
    import xmlschema

    return xmlschema.XMLSchema(os.environ["JUNIT_XSD"])


def tree(*results: RunResult) -> ET.Element:
    return ET.fromstring(results_to_junit(results))  # noqa: S314  made a line before


@given(result=any_result())
def test_any_result_is_a_document_that_the_schema_allows(result: RunResult) -> None:
    for element in tree(result, result).iter():
        attributes, children = ALLOWED[element.tag]
        assert set(element.attrib) <= attributes
        assert {child.tag for child in element} <= children


@given(result=any_result())
def test_the_counts_are_those_of_the_cases_and_no_case_is_lost(result: RunResult) -> None:
    suite = tree(result).find("testsuite")
    assert suite is not None
    cases = suite.findall("testcase")
    assert len(cases) == int(suite.attrib["tests"]) == 1 + len(result.assertions)
    for key, tag in (("failures", "failure"), ("errors", "error"), ("skipped", "skipped")):
        assert int(suite.attrib[key]) == sum(case.find(tag) is not None for case in cases)


def test_junitparser_reads_it() -> None:
    read = JUnitXml.fromstring(results_to_junit([K3S, real("exp13-standin")]))
    suites = list(read)
    assert [suite.name for suite in suites] == ["exp13 redirect-proc-sys"] * 2
    assert read.failures == 0
    assert read.errors == 0
    assert sum(len(list(suite)) for suite in suites) == read.tests


def test_an_expected_failure_is_not_red_and_says_so() -> None:
    case = tree(K3S).find(".//testcase[@name='outcome as declared']/skipped")
    assert case is not None
    assert case.attrib == {"type": "xfail", "message": "expected failure: flannel-vxlan-unsupported"}


def test_a_failure_is_typed_by_the_blocker_that_ended_the_run() -> None:
    failed = attrs.evolve(K3S, as_expected=False, differences=("new blocker flannel-vxlan-unsupported",))
    failure = tree(failed).find(".//failure")
    assert failure is not None
    assert failure.attrib["type"] == "flannel-vxlan-unsupported"
    assert "flannel exited" in (failure.text or "")


@pytest.mark.parametrize(
    "died",
    [
        attrs.evolve(K3S, state="running", ended_by=EndedBy(reason=None, detail="still running")),
        attrs.evolve(K3S, verdict="error", ended_by=EndedBy(reason="harness-error", detail="disk full")),
    ],
)
def test_a_run_that_died_early_has_every_case_and_is_red(died: RunResult) -> None:
    suite = tree(died).find("testsuite")
    assert suite is not None
    assert suite.attrib["errors"] == "1"
    assert len(suite.findall("testcase")) == 1 + len(K3S.assertions)


def test_nothing_to_report_is_red_and_says_what_to_do() -> None:
    root = ET.fromstring(results_to_junit([], ["exp13: no run is stored in results; run an experiment first"]))  # noqa: S314
    assert (root.attrib["tests"], root.attrib["errors"]) == ("1", "1")
    error = root.find(".//error")
    assert error is not None
    assert "run an experiment first" in error.attrib["message"]


def test_control_characters_of_a_log_do_not_break_the_document() -> None:
    claims = (attrs.evolve(K3S.assertions[0], verdict="fail", evidence="a\x00b\x1b[31m\ud800<&>]]>"),)
    failure = tree(attrs.evolve(K3S, as_expected=False, assertions=claims)).findall(".//failure")[-1]
    assert failure.attrib["message"] == "a\ufffdb\ufffd[31m\ufffd<&>]]>"
