"""What an experiment declares: data only, checked when it is written down, not when it is run."""

import attrs

from runner.model.assertion import (
    Absent,
    AnyAssertion,
)
from runner.model.check import not_empty, positive, slug
from runner.model.fault import AnyFault
from runner.model.kinds import EVERY_WORKLOAD, EndReason, Mechanism, Milestone, Verdict, WorkloadKind
from runner.model.step import (
    AnyStep,
)
from runner.model.view import View


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
                raise TypeError(f"{self.name}: {step!r} is not a step; the kinds are in runner/model/step.py")
        for assertion in self.assertions:
            if not isinstance(assertion, AnyAssertion):
                raise TypeError(f"{self.name}: {assertion!r} is not an assertion; see runner/model/assertion.py")
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
