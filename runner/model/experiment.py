"""What an experiment declares: data only, checked when it is written down, not when it is run.

The kinds of steps and of assertions are closed sets; whoever handles one uses ``match`` and ends in ``assert_never``.
"""

from typing import Final, Literal, get_args

import attrs

from runner.model.check import absolute_path, identifier, not_empty, positive, slug
from runner.model.fault import AnyFault
from runner.model.view import View

Mechanism = Literal["mount", "seccomp", "syscall", "none"]
WorkloadKind = Literal["k3s", "kubernetes", "standin", "replay"]
ArenaKind = Literal["gvisor", "here", "host"]
Verdict = Literal["pass", "fail", "inconclusive", "error", "skipped"]
EVERY_WORKLOAD: Final[tuple[WorkloadKind, ...]] = get_args(WorkloadKind)
EndReason = Literal["target-reached", "fatal-blocker", "exited", "deadline", "interrupted", "harness-error"]

Milestone = Literal[
    "workload-started",
    "datastore-ready",
    "apiserver-serving",
    "poststart-hooks-done",
    "node-registered",
    "kube-proxy-synced",
    "node-ready",
    "pod-running",
]


@attrs.frozen(kw_only=True)
class Step:
    """One reversible change to the arena; only its kinds below are ever used.

    Attributes:
        id: Name in results and for ``--without``.
        reason: Why the workload needs it.
        holds_back: Ids of the fatal blockers that appear when the step is left out; empty when none is known to.
        workloads: Kinds of workload that it is for; others run without it, and the result says so.
    """

    id: str = attrs.field(validator=slug)
    reason: str = attrs.field(validator=not_empty)
    holds_back: tuple[str, ...] = ()
    workloads: tuple[WorkloadKind, ...] = EVERY_WORKLOAD


@attrs.frozen(kw_only=True)
class WriteFile(Step):
    """Put a file in place; what stood there comes back at the undo."""

    path: str = attrs.field(validator=absolute_path)
    content: str
    mode: int = 0o644


@attrs.frozen(kw_only=True)
class Link:
    """One symbolic link: ``path`` points to ``target``."""

    path: str = attrs.field(validator=absolute_path)
    target: str = attrs.field(validator=absolute_path)


@attrs.frozen(kw_only=True)
class Symlink(Step):
    """Put symbolic links in place; each target must exist, and what stood at a path comes back at the undo."""

    links: tuple[Link, ...]


@attrs.frozen(kw_only=True)
class BindMount(Step):
    """Bind ``source`` over ``target``; a missing target is created as an empty file or directory of the source's kind."""

    source: str = attrs.field(validator=absolute_path)
    target: str = attrs.field(validator=absolute_path)


@attrs.frozen(kw_only=True)
class TmpfsMount(Step):
    """Mount an empty tmpfs on ``target``, which is created if missing."""

    target: str = attrs.field(validator=absolute_path)
    size_mib: int | None = None


@attrs.frozen(kw_only=True)
class CgroupMount(Step):
    """Mount cgroup v1 hierarchies below ``target`` where the arena lacks them; mounted ones are left as they are."""

    target: str = attrs.field(default="/sys/fs/cgroup", validator=absolute_path)
    controllers: tuple[str, ...]


@attrs.frozen(kw_only=True)
class MountPropagation(Step):
    """Change the propagation of the mounts at and below ``target``."""

    target: str = attrs.field(default="/", validator=absolute_path)
    propagation: Literal["rshared", "rslave", "rprivate"] = "rshared"


@attrs.frozen(kw_only=True)
class Environment(Step):
    """Set a variable of the workload's environment, or put a directory in front of a search path."""

    name: str = attrs.field(validator=identifier)
    value: str
    prepend: bool = False


@attrs.frozen(kw_only=True)
class CniPlugin(Step):
    """An executable script at ``path``, whose directory comes first on the workload's PATH."""

    path: str = attrs.field(validator=absolute_path)
    script: str


@attrs.frozen(kw_only=True)
class NetworkDevice(Step):
    """A network device that leads nowhere, with an address of the node and routes that make it the source of traffic.

    Attributes:
        name: Of the device, at most 15 characters.
        address: With the length of its prefix, e.g. ``10.42.0.1/32``.
        routes: Destinations, with the lengths of their prefixes.
    """

    name: str = attrs.field(validator=attrs.validators.matches_re(r"[a-z][a-z0-9]{0,14}"))
    address: str = attrs.field(validator=not_empty)
    routes: tuple[str, ...] = ()


@attrs.frozen(kw_only=True)
class WorkloadFlag(Step):
    """Flags of the workload's command line, in order.

    Attributes:
        flags: Each as it is passed, e.g. ``--snapshotter=native``.
    """

    flags: tuple[str, ...]


@attrs.frozen(kw_only=True)
class ImagePreload(Step):
    """Put a container image where k3s imports it from at its start: a static busybox, and at most one program more.

    Attributes:
        name: Reference that pods use, with registry and tag, e.g. ``docker.io/local/busybox:1``.
        command: What a container of it runs unless its pod says otherwise.
        program: Name of a program that is supplied for it; in a plan, its path. It lies in the image's ``/bin``.
        directory: Where archives are imported from.
    """

    name: str = attrs.field(validator=not_empty)
    command: tuple[str, ...]
    program: str = ""
    directory: str = attrs.field(default="/var/lib/rancher/k3s/agent/images", validator=absolute_path)


@attrs.frozen(kw_only=True)
class Manifest(Step):
    """Create objects through the API once the node is registered.

    Attributes:
        objects: Each one JSON document, with ``apiVersion`` and ``kind``.
        serves: Whether they serve whoever uses the cluster, and are not there to be asked by assertions.
    """

    objects: tuple[str, ...] = attrs.field(validator=attrs.validators.min_len(1))
    serves: bool = False


@attrs.frozen(kw_only=True)
class Supervise(Step):
    """Start the workload again when it ends by itself, as a service manager would.

    Attributes:
        restarts: At most so many times.
        survives: Ids of the fatal blockers that do not end the run any more, because the workload is started again after them.
    """

    restarts: int = attrs.field(validator=attrs.validators.ge(1))
    survives: tuple[str, ...] = attrs.field(validator=attrs.validators.min_len(1))


AnyStep = (
    WriteFile
    | Symlink
    | BindMount
    | TmpfsMount
    | CgroupMount
    | MountPropagation
    | Environment
    | CniPlugin
    | NetworkDevice
    | WorkloadFlag
    | ImagePreload
    | Manifest
    | Supervise
)


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


@attrs.frozen(kw_only=True)
class Expected:
    """How a run is expected to come out today.

    Attributes:
        verdict: The verdict of the whole run.
        ended_by: What ends it.
        blockers: Fatal blockers that appear, no others.
        any_of: Which of ``blockers`` comes first is the workload's choice: at least one of them appears.
        reaches: A milestone that is reached; None makes no claim.
        holds: Whether every assertion is expected to come out as declared: to pass, or be skipped, but for ``fails``.
        fails: Ids of the assertions that are expected to fail.
        workloads: Kinds of workload this holds for; empty means all that no other entry names.
    """

    verdict: Verdict
    ended_by: EndReason
    blockers: tuple[str, ...] = ()
    any_of: bool = False
    reaches: Milestone | None = None
    holds: bool = True
    fails: tuple[str, ...] = ()
    workloads: tuple[WorkloadKind, ...] = ()


@attrs.frozen(kw_only=True)
class Goal:
    """Another target for some kinds of workload, where the experiment's own cannot be reached.

    Attributes:
        workloads: Kinds of workload that it is for.
        target: As :attr:`Experiment.target`.
        hold_s: As :attr:`Experiment.hold_s`.
        reason: Why it is another one.
    """

    workloads: tuple[WorkloadKind, ...] = attrs.field(validator=attrs.validators.min_len(1))
    target: Milestone
    hold_s: float = 0.0
    reason: str = attrs.field(validator=not_empty)


@attrs.frozen(kw_only=True)
class Experiment:
    """One numbered experiment.

    Attributes:
        number: Unique; the file is ``expNN_slug.py``.
        slug: The one thing it is about, never a rank ("ultimate", "complete").
        question: What a run answers.
        parent: Number of the experiment it changes; None for the first of a line.
        change: The one change against the parent.
        refuted_by: What would show the idea to be wrong.
        steps: Applied in order, undone in reverse.
        view: Redirected paths and spoofed answers.
        mechanism: How the view is applied unless the command line says otherwise.
        faults: What the workload has to bear, unless the command line says otherwise.
        assertions: Claims judged from the events.
        target: The milestone at which the run has reached what it set out for.
        hold_s: For how many seconds after the target the workload must stay up.
        other_goals: Where another target holds.
        deadline_s: Seconds from the workload's start after which the run ends anyway.
        expected: The outcome today, by kind of workload.
    """

    number: int = attrs.field(validator=attrs.validators.gt(0))
    slug: str = attrs.field(validator=slug)
    question: str = attrs.field(validator=not_empty)
    parent: int | None = None
    change: str = attrs.field(validator=not_empty)
    refuted_by: str = attrs.field(validator=not_empty)
    steps: tuple[AnyStep, ...] = ()
    view: View = attrs.field(factory=View)
    mechanism: Mechanism = "none"
    faults: tuple[AnyFault, ...] = ()
    assertions: tuple[AnyAssertion, ...] = ()
    target: Milestone
    hold_s: float = 0.0
    other_goals: tuple[Goal, ...] = ()
    deadline_s: float = attrs.field(default=120.0, validator=positive)
    expected: tuple[Expected, ...]

    def __attrs_post_init__(self) -> None:
        """Refuse contradictions between the parts of the declaration."""
        for step in self.steps:
            if not isinstance(step, AnyStep):
                raise TypeError(f"{self.name}: {step!r} is not a step; the kinds are in runner/model/experiment.py")
        for assertion in self.assertions:
            if not isinstance(assertion, AnyAssertion):
                raise TypeError(f"{self.name}: {assertion!r} is not an assertion; see runner/model/experiment.py")
        if self.view.parts and self.mechanism == "none":
            raise ValueError(f"{self.name}: declares a view but mechanism 'none'; choose mount, seccomp or syscall")
        for fault in self.faults:
            if not isinstance(fault, AnyFault):
                raise TypeError(f"{self.name}: {fault!r} is not a fault; the kinds are in runner/model/fault.py")
        names = [step.id for step in self.steps] + list(self.view.parts) + [fault.id for fault in self.faults]
        _refuse_twice(names, f"{self.name}: step, view part or fault")
        _refuse_twice([assertion.id for assertion in self.assertions], f"{self.name}: assertion")
        for assertion in self.assertions:
            unknown = set(assertion.by) - set(names) if isinstance(assertion, Absent) else set()
            if unknown:
                raise ValueError(
                    f"{self.name}: assertion {assertion.id} is resolved by {sorted(unknown)}, which are no steps"
                    f" or view parts of it; there are: {', '.join(names)}"
                )
        for expected in self.expected:
            unknown = set(expected.fails) - {assertion.id for assertion in self.assertions}
            if unknown:
                raise ValueError(f"{self.name}: expects {sorted(unknown)} to fail, which are no assertions of it")
        if not self.expected:
            raise ValueError(f"{self.name}: declares no expected outcome; without one nothing can regress")

    @property
    def name(self) -> str:
        """``exp13``: the short name used on the command line and on disk."""
        return f"exp{self.number:02d}"

    def goal_for(self, workload: WorkloadKind) -> Goal:
        """Target and holding time for one kind of workload."""
        for goal in self.other_goals:
            if workload in goal.workloads:
                return goal
        return Goal(workloads=EVERY_WORKLOAD, target=self.target, hold_s=self.hold_s, reason="the experiment's own")

    def expected_for(self, workload: WorkloadKind) -> Expected:
        """The declared outcome for one kind of workload.

        Raises:
            LookupError: Nothing is declared for it.
        """
        for candidate in self.expected:
            if workload in candidate.workloads:
                return candidate
        for candidate in self.expected:
            if not candidate.workloads:
                return candidate
        raise LookupError(f"{self.name} declares no expected outcome for workload {workload!r}; add one to its file")


def _refuse_twice(names: list[str], what: str) -> None:
    for name in names:
        if names.count(name) > 1:
            raise ValueError(f"{what} {name!r} is declared twice; ids must be unique")
