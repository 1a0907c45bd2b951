"""The hook's timeline out of audit lines, as the API server of k3s v1.34.1 in gVisor printed them."""

import json

import pytest
from hypothesis import given
from hypothesis import strategies as st

from runner.core.hook_timeline import ADMISSION_CACHES, HookTimeline

FAILED = (
    'F1123 14:18:24.588818      37 hooks.go:204] PostStartHook "scheduling/bootstrap-system-priority-classes" failed:'
    " unable to add default system priority classes: rpc error: code = Unknown desc = database is locked"
)


def audit(
    verb, resource, *, code=200, received="13:38:39.096407", answered="13:38:39.096967", user="system:apiserver"
) -> str:
    # Keys in the API server's own order.
    return json.dumps(
        {
            "kind": "Event",
            "apiVersion": "audit.k8s.io/v1",
            "level": "Metadata",
            "auditID": "27494335-326d-41cc-b4be-43f880c90b8c",
            "stage": "ResponseComplete",
            "requestURI": "/apis/networking.k8s.io/v1/servicecidrs?limit=500\\u0026resourceVersion=0",
            "verb": verb,
            "user": {"username": user, "groups": ["system:authenticated", "system:masters"]},
            "objectRef": {"resource": resource, "apiVersion": "v1"},
            "responseStatus": {"metadata": {}, "code": code},
            "requestReceivedTimestamp": f"2026-11-25T{received}Z",
            "stageTimestamp": f"2026-11-25T{answered}Z",
        },
        separators=(",", ":"),
    )


def seen(*lines: tuple[float, str]) -> HookTimeline:
    timeline = HookTimeline()
    for at_s, text in lines:
        timeline = timeline.see(at_s, text)
    return timeline


def test_a_create_that_waited_ten_seconds_for_caches_shows_when_it_began_and_what_was_missing():
    waited = {"received": "13:38:40.000000", "answered": "13:38:50.000000", "code": 403}
    timeline = seen(
        (5.0, audit("list", "namespaces")),
        (20.0, audit("create", "priorityclasses", **waited)),
        (21.0, audit("list", "mutatingwebhookconfigurations")),
        (21.5, FAILED),
    )
    assert timeline.first_create_at_s == pytest.approx(10.0)
    assert (timeline.answered_at_s, timeline.answer, timeline.failed_at_s) == (20.0, 403, 21.5)
    assert set(timeline.missing) == ADMISSION_CACHES - {"namespaces"}


def test_with_every_cache_filled_before_the_answer_nothing_is_missing():
    lists = [(1.0 + i / 10, audit("list", name)) for i, name in enumerate(sorted(ADMISSION_CACHES))]
    timeline = seen(*lists, (3.0, audit("create", "priorityclasses", code=201)))
    assert timeline.missing == ()
    assert timeline.answer == 201


@pytest.mark.parametrize(
    "line",
    [
        audit("list", "pods"),
        audit("list", "namespaces", code=429),
        audit("list", "namespaces", user="system:kube-controller-manager"),
        audit("watch", "namespaces"),
        audit("create", "priorityclasses", user="system:admin"),
        audit("list", "namespaces")[:90],
        '{"kind":"Event","apiVersion":"audit.k8s.io/v2","level":3}',
        FAILED.replace("scheduling/bootstrap-system-priority-classes", "crd-informer-synced"),
    ],
)
def test_other_requests_and_broken_lines_change_nothing(line):
    assert seen((1.0, line)) == HookTimeline()


@given(st.text())
def test_any_text_after_the_head_of_an_audit_line_is_borne(rest):
    assert seen((1.0, '{"kind":"Event","apiVersion":"audit.k8s.io/v1' + rest)) == HookTimeline()
