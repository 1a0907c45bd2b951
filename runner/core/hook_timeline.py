"""When the priority-class hook asked and was answered, and when the API server's own caches had been filled.

The problem: ``not yet ready to handle request`` means that an informer of an admission plugin had not synced within ten
seconds of the first create, but no line at the usual verbosity says when that create was, or which informer it was.

The idea: the API server's audit log says both, to the microsecond, where an experiment turns it on (`audit-log-path=-`
with a policy for these few requests): each line has the time of its request and of its answer. From the end of a request and
its length follows when it began on the run's clock, so nobody has to know the date.
"""

import datetime as dt
import json
import re
from typing import Any, Final

import attrs

_AUDIT = '{"kind":"Event","apiVersion":"audit.k8s.io/'
_HOOK_FAILED = re.compile(r'PostStartHook \\?"scheduling/bootstrap-system-priority-classes\\?" failed: ')
_OK = range(200, 300)
_LOOPBACK = "system:apiserver"
# What the admission plugins that look at a priority class keep copies of: webhooks, policies, the priority plugin itself.
ADMISSION_CACHES: Final = frozenset(
    {
        "mutatingwebhookconfigurations",
        "namespaces",
        "priorityclasses",
        "validatingadmissionpolicies",
        "validatingadmissionpolicybindings",
        "validatingwebhookconfigurations",
    }
)


@attrs.frozen
class HookTimeline:
    """Times in seconds since the run began; None for what was not seen.

    Attributes:
        first_create_at_s: When the first create of a system priority class came in.
        answered_at_s: When that create was answered.
        answer: The status code of that answer; 0 when none was seen.
        failed_at_s: When the hook's failure was printed.
        caches_at_s: When the first list for each cache of an admission plugin was answered, by resource.
    """

    first_create_at_s: float | None = None
    answered_at_s: float | None = None
    answer: int = 0
    failed_at_s: float | None = None
    caches_at_s: dict[str, float] = attrs.field(factory=dict)

    @property
    def missing(self) -> tuple[str, ...]:
        """Caches that were not filled when the first create was answered; empty while there was none."""
        if self.answered_at_s is None:
            return ()
        late = {name for name, at_s in self.caches_at_s.items() if at_s > self.answered_at_s}
        return tuple(sorted((ADMISSION_CACHES - set(self.caches_at_s)) | late))

    def see(self, at_s: float, text: str) -> "HookTimeline":
        """With one more line of a log, seen at ``at_s``, taken into account."""
        if text.startswith(_AUDIT):
            return self._audited(at_s, text)
        if self.failed_at_s is None and "PostStartHook" in text and _HOOK_FAILED.search(text):
            return attrs.evolve(self, failed_at_s=at_s)
        return self

    def _audited(self, at_s: float, text: str) -> "HookTimeline":
        try:
            event = json.loads(text)
            verb, code = event["verb"], event.get("responseStatus", {}).get("code", 0)
            resource = event["objectRef"]["resource"]
            stage, took_s = event["stage"], _between(event["requestReceivedTimestamp"], event["stageTimestamp"])
            user = event["user"]["username"]
        except (ValueError, KeyError, TypeError, AttributeError):  # cut off, or a form of another version
            return self
        if (
            verb == "create"
            and resource == "priorityclasses"
            and user == _LOOPBACK
            and self.first_create_at_s is None
            and stage == "ResponseComplete"
        ):
            return attrs.evolve(self, first_create_at_s=at_s - took_s, answered_at_s=at_s, answer=code)
        filled = verb == "list" and code in _OK and user == _LOOPBACK and resource in ADMISSION_CACHES
        if filled and resource not in self.caches_at_s:
            return attrs.evolve(self, caches_at_s={**self.caches_at_s, resource: at_s})
        return self


def _between(first: Any, second: Any) -> float:  # noqa: ANN401  parsed JSON
    return (dt.datetime.fromisoformat(second) - dt.datetime.fromisoformat(first)).total_seconds()
