"""The HTML report: needs nothing beside it, runs nothing from a log, and shows what matters."""

import re
from html.parser import HTMLParser
from pathlib import Path

import attrs
import pytest
from hypothesis import given, settings
from some_results import any_result, blocked_by, real

from runner.core.codec import event_to_line, result_to_json
from runner.core.timeline import SLICES, timeline
from runner.model.events import (
    AnyEvent,
    InterceptionCounted,
    LineSeen,
    PathRedirected,
    RunFinished,
    StepDone,
    WorkloadStarted,
)
from runner.model.result import RunResult
from runner.report.evidence import Evidence, read_evidence
from runner.report.page import index_page, run_page
from runner.stored.history import Summary

K3S = real("exp13-k3s")
NO_EVIDENCE = Evidence(timeline=None, excerpts={}, missing=())
EVENTS: list[AnyEvent] = [
    StepDone(at_s=61.0, id="kmsg", kind="bind-mount", outcome="applied", reason="r"),
    WorkloadStarted(at_s=62.3, pid=6, command=("k3s",)),
    LineSeen(at_s=62.3, source="workload", line_no=1, text="x"),
    LineSeen(at_s=70.0, source="containerd", line_no=1, text="x"),
    InterceptionCounted(at_s=63.3, stops={"seccomp": 100}, redirects_by_path={}, tracer_cpu_s=0.1),
    InterceptionCounted(at_s=64.3, stops={"seccomp": 150}, redirects_by_path={}, tracer_cpu_s=0.2),
    PathRedirected(at_s=63.0, pid=7, path="/proc/sys/a", target="/fake", syscall="openat"),
    StepDone(at_s=99.0, id="kmsg", kind="bind-mount", outcome="undone", reason="r"),
    RunFinished(at_s=100.0),
]


class Structure(HTMLParser):
    """Tags that are opened and closed, and everything that a browser would fetch."""

    VOID = frozenset({"meta", "link", "br", "img", "hr", "input", "circle", "line", "rect"})

    def __init__(self) -> None:
        super().__init__(convert_charrefs=True)
        self.open: list[str] = []
        self.fetched: list[str] = []
        self.tags: list[str] = []

    def handle_starttag(self, tag: str, attributes: list[tuple[str, str | None]]) -> None:
        self.tags.append(tag)
        self.fetched += [f"{tag} {value}" for name, value in attributes if name in {"src", "srcset", "data"} and value]
        if tag == "link":
            self.fetched.append(tag)
        if tag not in self.VOID:
            self.open.append(tag)

    def handle_endtag(self, tag: str) -> None:
        if tag not in self.VOID:
            assert self.open.pop() == tag


def parsed(text: str) -> Structure:
    structure = Structure()
    structure.feed(text)
    structure.close()
    return structure


@settings(max_examples=25)
@given(result=any_result())
def test_any_result_makes_a_whole_page_that_fetches_nothing(result: RunResult) -> None:
    page = parsed(run_page(result, attrs.evolve(NO_EVIDENCE, timeline=timeline(EVENTS))))
    assert page.open == []
    assert page.fetched == []
    assert page.tags.count("script") == 1


def test_what_a_log_says_is_text_and_never_markup() -> None:
    nasty = '"><script>alert(1)</script><img src=x onerror=alert(1)>'
    blocked = blocked_by(K3S, "dev-kmsg-missing", "x</title><script>").blockers
    result = attrs.evolve(
        K3S,
        blockers=tuple(attrs.evolve(b, line=nasty, evidence=nasty, advice=nasty) for b in blocked),
        assertions=tuple(attrs.evolve(claim, evidence=nasty) for claim in K3S.assertions),
        environment={nasty: nasty},
    )
    page = parsed(run_page(result, attrs.evolve(NO_EVIDENCE, timeline=timeline(EVENTS), missing=(nasty,))))
    assert page.tags.count("script") == 1
    assert "img" not in page.tags
    index = index_page([Summary(path=nasty, experiment=nasty, problem=nasty)], [], {nasty: nasty}, Path("/"))
    assert "script" not in parsed(index).tags


def test_a_real_run_shows_its_end_and_the_command_to_repeat_it() -> None:
    text = run_page(K3S, NO_EVIDENCE)
    assert "Failed, as expected" in text
    assert "flannel-vxlan-unsupported" in text
    rerun = "python -m runner run exp13 --workload k3s --arena gvisor --mechanism seccomp --runsc 2026-09 --platform systrap"
    assert rerun in text


def test_what_was_left_out_is_left_out_again() -> None:
    skipped = attrs.evolve(K3S.steps[2], outcome="skipped", reason="left out by --without")
    text = run_page(attrs.evolve(K3S, steps=(*K3S.steps[:2], skipped, *K3S.steps[3:])), NO_EVIDENCE)
    assert "--platform systrap --without kmsg" in text


def test_the_timeline_counts_everything_once_and_leaves_the_clearing_up_out() -> None:
    folded = timeline(EVENTS)
    assert folded is not None
    assert (folded.start_s, folded.end_s) == (61.0, 70.0)
    assert {source: sum(bins) for source, bins in folded.lines.items()} == {"workload": 1, "containerd": 1}
    assert all(len(bins) == SLICES for bins in folded.lines.values())
    assert sum(folded.stops) == pytest.approx(150)
    assert [name for _, name, _ in folded.steps] == ["kmsg"]
    assert timeline([]) is None


def test_evidence_is_read_around_each_line_also_from_a_cut_off_run(tmp_path: Path) -> None:
    result = blocked_by(K3S, "dev-kmsg-missing")
    (tmp_path / "result.json").write_text(result_to_json(result))
    (tmp_path / "workload.log").write_text("".join(f"line {number}\n" for number in range(1, 10)))
    (tmp_path / "events.jsonl").write_text("\n".join(event_to_line(event) for event in EVENTS) + '\n{"at_s": 1')
    found = read_evidence(tmp_path / "result.json", result)
    assert found.missing == ()
    assert [number for number, _ in found.excerpts["workload.log:7"].lines] == [2, 3, 4, 5, 6, 7, 8, 9]
    assert found.timeline == timeline(EVENTS)


def test_every_line_that_an_evidence_names_is_shown_with_what_stands_around_it(tmp_path: Path) -> None:
    claims = (attrs.evolve(K3S.assertions[0], evidence="flag seen at the component (workload.log:3), kubelet.log:2"),)
    rungs = (attrs.evolve(K3S.milestones[0], witness="workload.log:8, confirmed"), *K3S.milestones[1:])
    result = attrs.evolve(K3S, blockers=(), assertions=claims, milestones=rungs)
    (tmp_path / "workload.log").write_text("".join(f"said {number}\n" for number in range(1, 600)))
    (tmp_path / "kubelet.log").write_text("one\nthe kubelet's\n")
    (tmp_path / "events.jsonl").write_text("")
    found = read_evidence(tmp_path / "result.json", result)
    assert {"workload.log:3", "kubelet.log:2", "workload.log:8"} <= set(found.excerpts)
    text = run_page(result, found)
    assert "the kubelet&#39;s" in text
    assert "said 13" in text, "five lines after the eighth"


def test_each_picture_is_drawn_for_wide_and_for_narrow_screens() -> None:
    page = run_page(K3S, attrs.evolve(NO_EVIDENCE, timeline=timeline(EVENTS)))
    drawings = re.findall(r'<svg class="timeline (wide|narrow)".*?</svg>', page, flags=re.DOTALL)
    assert drawings == ["wide", "narrow"]
    pictures = re.findall(r'<svg class="timeline.*?</svg>', page, flags=re.DOTALL)
    assert len({picture.count("data-t=") - picture.count('class="tick"') for picture in pictures}) == 1, "same marks"
    summary = Summary(
        path="x", experiment="exp13", workload="k3s", state="finished", verdict="fail", milestones=("node-ready",)
    )
    index = index_page([summary], [], {}, Path("/"))
    assert re.findall(r'<svg class="ladder (wide|narrow)"', index) == ["wide", "narrow"]


def test_evidence_that_is_not_there_is_named(tmp_path: Path) -> None:
    result = blocked_by(K3S, "dev-kmsg-missing")
    found = read_evidence(tmp_path / "result.json", result)
    assert any("workload.log" in line for line in found.missing)
    assert any("events.jsonl" in line for line in found.missing)
    (tmp_path / "events.jsonl").write_text('{"type": "Unheard", "at_s": 1}\n')
    assert any("line 1 is no event" in line for line in read_evidence(tmp_path / "result.json", result).missing)


def test_the_page_zooms_only_where_there_is_something_to_zoom() -> None:
    assert "data-zoom" not in re.sub(r"<script>.*</script>", "", run_page(K3S, NO_EVIDENCE), flags=re.DOTALL)
