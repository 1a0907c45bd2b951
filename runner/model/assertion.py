"""The kinds of claims that an experiment makes about its run: a closed set, like the steps."""

from typing import Literal

import attrs

from runner.model.check import absolute_path, not_empty, positive, slug
from runner.model.kinds import EVERY_WORKLOAD, Milestone, WorkloadKind


@attrs.frozen(kw_only=True)
class Assertion:
    """One claim about a run; only its kinds below are ever used.

    Attributes:
        id: Name in results.
        claim: The claim in words, as the table prints it.
        workloads: Kinds of workload that it can be made about; for others it is skipped.
    """

    id: str = attrs.field(validator=slug)
    claim: str = attrs.field(validator=not_empty)
    workloads: tuple[WorkloadKind, ...] = EVERY_WORKLOAD


@attrs.frozen(kw_only=True)
class Absent(Assertion):
    """A blocker was overcome: never seen, a milestone beyond it reached, and what resolves it shows a hit.

    Attributes:
        blockers: Ids of the blocker rules that say so; none of them may be seen.
        by: Ids of the steps or view parts that should have done it; one hit of any of them is enough.
    """

    blockers: tuple[str, ...] = attrs.field(validator=attrs.validators.min_len(1))
    by: tuple[str, ...]


@attrs.frozen(kw_only=True)
class Present(Assertion):
    """A line of the workload's output matches ``pattern`` (a regular expression)."""

    pattern: str = attrs.field(validator=not_empty)


@attrs.frozen(kw_only=True)
class Reached(Assertion):
    """A milestone was reached, at most ``within_s`` seconds after the workload started."""

    milestone: Milestone
    within_s: float | None = None


@attrs.frozen(kw_only=True)
class Redirected(Assertion):
    """At least ``at_least`` accesses below ``prefix`` were redirected by an interceptor."""

    prefix: str = attrs.field(validator=absolute_path)
    at_least: int = attrs.field(default=1, validator=attrs.validators.gt(0))


@attrs.frozen(kw_only=True)
class Alive(Assertion):
    """The workload was still running ``for_s`` seconds after it had started."""

    for_s: float = attrs.field(validator=positive)


@attrs.frozen(kw_only=True)
class Metric(Assertion):
    """A measured number lies within bounds.

    Attributes:
        metric: ``workload_s`` (seconds from the workload's start to its end), ``api_requests`` (requests that the API
            witness saw answered), ``log_lines``, or one of a result's ``metrics`` (``docs/result.md``).
        at_least: Lower bound, inclusive.
        at_most: Upper bound, inclusive.
    """

    metric: Literal[
        "workload_s",
        "api_requests",
        "log_lines",
        "slow_sql",
        "slow_sql_longest_s",
        "hook_first_answer_code",
        "admission_caches_missing",
    ]
    at_least: float | None = None
    at_most: float | None = None


@attrs.frozen(kw_only=True)
class PodAnswers(Assertion):
    """``kubectl logs`` of a pod, or ``kubectl exec`` in it, gives a text that matches; asked until it does.

    Attributes:
        pod: Name, in the namespace ``default``.
        command: What is executed in the pod; empty means its logs.
        pattern: Regular expression, searched in the answer (both its streams).
    """

    pod: str = attrs.field(validator=not_empty)
    command: tuple[str, ...] = ()
    pattern: str = attrs.field(validator=not_empty)


AnyAssertion = Absent | Present | Reached | Redirected | Alive | Metric | PodAnswers
