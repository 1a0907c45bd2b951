"""A resolved run: the experiment with the command line's choices applied, ready to be carried out in an arena."""

import attrs

from runner.model.assertion import Assertion
from runner.model.experiment import Expected, Experiment, Goal
from runner.model.fault import AnyFault
from runner.model.kinds import ArenaKind, Mechanism, WorkloadKind
from runner.model.step import AnyStep
from runner.model.view import View


@attrs.frozen(kw_only=True)
class SkippedStep:
    """A declared step that this run leaves out, and why."""

    id: str
    kind: str
    reason: str


@attrs.frozen(kw_only=True)
class RunPlan:
    """Everything the inside of an arena needs to know.

    Attributes:
        experiment: The declaration, unchanged.
        workload: Kind of what is started.
        argv: The workload's command line, flags of the steps included.
        environment: Variables set on top of the arena's own.
        path_first: Directories put in front of PATH, first one first.
        arena: Where the run happens.
        mechanism: How the view is applied.
        steps: What is really applied, in order.
        view: What is left of the view.
        faults: What the workload has to bear.
        skipped: What was left out.
        without: Ids that the user asked to leave out.
        expected: The outcome that this plan, not the bare experiment, is expected to have.
        goal: Target and holding time, for this kind of workload.
        deadline_s: Seconds from the workload's start after which the run ends.
        api_port: Loopback port where the workload's API serves; 0 when it has none.
        keep: Leave the workload running at the end until the user interrupts.
    """

    experiment: Experiment
    workload: WorkloadKind
    argv: tuple[str, ...]
    environment: tuple[tuple[str, str], ...] = ()
    path_first: tuple[str, ...] = ()
    arena: ArenaKind
    mechanism: Mechanism
    steps: tuple[AnyStep, ...]
    view: View
    faults: tuple[AnyFault, ...] = ()
    skipped: tuple[SkippedStep, ...] = ()
    without: tuple[str, ...] = ()
    expected: Expected
    goal: Goal
    deadline_s: float
    api_port: int = 6443
    keep: bool = False

    @property
    def assertions(self) -> tuple[Assertion, ...]:
        """The experiment's claims, judged whatever was left out."""
        return self.experiment.assertions
