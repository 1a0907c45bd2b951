"""From a declared experiment and the command line's choices to a plan; refuses what cannot be meant.

Nothing is touched here: a plan that comes out can be printed, compared and stored before anything starts.
"""

import attrs

from runner.model.assertion import Absent
from runner.model.experiment import Expected, Experiment, Goal
from runner.model.fault import AnyFault, Fault
from runner.model.kinds import ArenaKind, Mechanism, WorkloadKind
from runner.model.plan import RunPlan, SkippedStep
from runner.model.step import AnyStep, CniPlugin, Environment, Step, TmpfsMount, WorkloadFlag
from runner.model.view import View

# `--without view` means every part of the view: the experiment as if nobody had faked a file.
WHOLE_VIEW = "view"

# The control: what an experiment works around is gVisor's, so on plain Linux nothing blocks, whatever was left out ...
PLAIN_LINUX = Expected(verdict="pass", ended_by="target-reached", holds=False)
# ... but for what a k3s without its data bundle misses under any kernel.
NOT_OF_GVISOR = {"host-local-not-found"}

# Where k3s, the kubelet, containerd and CNI keep what they did before. A sandbox of ours starts with all of it empty; where
# the arena is somebody else's, an empty tmpfs lies over each for the time of a run.
STATE_DIRECTORIES = (
    "/var/lib/rancher",
    "/var/lib/kubelet",
    "/var/lib/cni",
    "/var/lib/containerd",
    "/etc/rancher",
    "/etc/cni",
    "/opt/cni",
    "/var/log/pods",
    "/var/log/containers",
)
FRESH_STATE = tuple(
    TmpfsMount(
        id=f"fresh{directory.replace('/', '-')}",
        target=directory,
        reason="nothing of an earlier run may show in this one, and nothing of this one stays",
    )
    for directory in STATE_DIRECTORIES
)


# The stand-in walks k3s's start-up in miniature: whatever ends it does so within a second or two, and what an experiment waits
# half a minute for in k3s has no counterpart in it. Not so when it is disturbed: then it may take as long as the fault makes it.
STANDIN_HOLD_S = 3.0


class PlanError(ValueError):
    """The choices on the command line do not fit the experiment; the user's to correct (exit code 64)."""


def prepare(
    experiment: Experiment,
    *,
    workload: WorkloadKind,
    arena: ArenaKind,
    command: tuple[str, ...],
    mechanism: Mechanism | None = None,
    faults: tuple[AnyFault, ...] | None = None,
    without: tuple[str, ...] = (),
    deadline_s: float | None = None,
    keep: bool = False,
) -> RunPlan:
    """Resolve an experiment into a plan.

    Args:
        experiment: The declaration.
        workload: Kind of what will be started.
        arena: Where.
        command: The workload's command line before any flag of a step.
        mechanism: Overrides the experiment's own.
        faults: Instead of the experiment's own; None keeps those.
        without: Ids of steps or view parts to leave out; ``view`` is all view parts.
        deadline_s: Overrides the experiment's own, in seconds.
        keep: Leave the workload running at the end.

    Raises:
        PlanError: An id is unknown, or a number makes no sense.
    """
    if deadline_s is not None and not deadline_s > 0:
        raise PlanError(f"--deadline {deadline_s:g}: must be above zero seconds")
    chosen = mechanism or experiment.mechanism
    borne = _faults(experiment, workload, faults)
    left_out = _left_out(experiment, without)
    skipped = [
        SkippedStep(id=step.id, kind=kind_of(step), reason="left out by --without")
        for step in experiment.steps
        if step.id in left_out
    ]
    dropped_parts = left_out & set(experiment.view.parts)
    skipped += [
        SkippedStep(id=part, kind="view", reason="left out by --without")
        for part in experiment.view.parts
        if part in dropped_parts
    ]
    view = experiment.view.without(frozenset(dropped_parts))
    if chosen == "none" and view.parts:
        skipped += [SkippedStep(id=part, kind="view", reason="mechanism none applies no view") for part in view.parts]
        dropped_parts = set(experiment.view.parts)
        view = View()
    steps: list[AnyStep] = list(FRESH_STATE) if arena == "here" else []
    argv = list(command)
    for step in experiment.steps:
        if step.id in left_out:
            continue
        if workload not in step.workloads:
            skipped.append(SkippedStep(id=step.id, kind=kind_of(step), reason=f"not for workload {workload}"))
            continue
        if isinstance(step, WorkloadFlag):
            argv += step.flags
        steps.append(step)
    environment = tuple((step.name, step.value) for step in steps if isinstance(step, Environment) and not step.prepend)
    path_first = [step.path.rsplit("/", 1)[0] for step in steps if isinstance(step, CniPlugin)]
    path_first += [
        step.value for step in steps if isinstance(step, Environment) and step.prepend and step.name == "PATH"
    ]
    return RunPlan(
        experiment=experiment,
        workload=workload,
        argv=tuple(argv),
        environment=environment,
        path_first=tuple(dict.fromkeys(path_first)),
        arena=arena,
        mechanism=chosen,
        steps=tuple(steps),
        view=view,
        faults=borne,
        skipped=tuple(skipped),
        without=tuple(sorted(left_out)),
        expected=_expected(experiment, workload, arena, left_out | dropped_parts),
        goal=_goal(experiment, workload, disturbed=bool(borne)),
        deadline_s=deadline_s or experiment.deadline_s,
        keep=keep,
    )


def kind_of(step: Step | Fault) -> str:
    """``bind-mount`` for a BindMount: the kind as results and tables name it."""
    name = type(step).__name__
    return "".join(f"-{char.lower()}" if char.isupper() else char for char in name).lstrip("-")


def _faults(
    experiment: Experiment, workload: WorkloadKind, chosen: tuple[AnyFault, ...] | None
) -> tuple[AnyFault, ...]:
    if workload == "replay":
        if chosen:
            raise PlanError("a recorded log cannot be disturbed any more; leave --fault out")
        return ()
    faults = experiment.faults if chosen is None else chosen
    ids = [fault.id for fault in faults]
    taken = {step.id for step in experiment.steps} | set(experiment.view.parts)
    for name in ids:
        if ids.count(name) > 1 or name in taken:
            raise PlanError(f"--fault {name}: that name is taken, by another fault or by a step of {experiment.name}")
    return faults


def _goal(experiment: Experiment, workload: WorkloadKind, *, disturbed: bool) -> Goal:
    goal = experiment.goal_for(workload)
    if workload == "standin" and not disturbed and goal.hold_s > STANDIN_HOLD_S:
        return attrs.evolve(goal, hold_s=STANDIN_HOLD_S)
    return goal


def _left_out(experiment: Experiment, without: tuple[str, ...]) -> set[str]:
    known = [step.id for step in experiment.steps] + list(experiment.view.parts)
    left_out: set[str] = set()
    for name in without:
        if name == WHOLE_VIEW and experiment.view.parts:
            left_out |= set(experiment.view.parts)
        elif name in known:
            left_out.add(name)
        else:
            offer = ", ".join([*known, *([WHOLE_VIEW] if experiment.view.parts else [])])
            raise PlanError(f"--without {name}: {experiment.name} has no such step or view part; it has: {offer}")
    return left_out


def _expected(experiment: Experiment, workload: WorkloadKind, arena: ArenaKind, left_out: set[str]) -> Expected:
    """The declared outcome, or, with something left out, that the blockers it holds back appear."""
    declared = PLAIN_LINUX if arena == "host" else experiment.expected_for(workload)
    if workload == "replay":
        # A recording shows no step at work, so it cannot make the claims that rest on one.
        declared = attrs.evolve(declared, holds=False)
    if not left_out:
        return declared
    holders = [step.holds_back for step in experiment.steps if step.id in left_out and workload in step.workloads]
    holders += [held for part, held in experiment.view.holds_back.items() if part in left_out]
    if arena == "host":
        holders = [tuple(blocker for blocker in held if blocker in NOT_OF_GVISOR) for held in holders]
    holders = [held for held in holders if held]
    held_back = {blocker for held in holders for blocker in held}
    blockers = tuple(sorted(held_back))
    if not blockers:
        # That nothing blocks on plain Linux says nothing about a workaround that was not there.
        unshown = any(
            isinstance(claim, Absent) and workload in claim.workloads and set(claim.by) <= left_out
            for claim in experiment.assertions
        )
        verdict = "inconclusive" if arena == "host" and unshown else declared.verdict
        return attrs.evolve(declared, verdict=verdict, holds=False)
    return Expected(verdict="fail", ended_by="fatal-blocker", blockers=blockers, any_of=len(holders) > 1, holds=False)
