"""Applies a plan's view: makes the layer, mounts it if that is the mechanism, and composes what the launcher is told."""

import os
from pathlib import Path

import attrs

from runner.core.counted import counted
from runner.host.steps import Steps
from runner.host.supervisor import supervised
from runner.intercept.mount_plan import mount_plan
from runner.intercept.mounts import apply_mounts, look
from runner.intercept.plan import Delay, LaunchPlan, to_json
from runner.intercept.view_layer import ViewError, check_view, materialise, view_kinds
from runner.model.events import StepOutcome
from runner.model.fault import SlowDisk
from runner.model.plan import RunPlan
from runner.model.step import BindMount, CniPlugin, Symlink, TmpfsMount, WriteFile
from runner.model.view import VIEW_LAYER, ViewFile

__all__ = ["AppliedPart", "AppliedView", "ViewError", "apply_view"]

# A tmpfs of the run's own private mount namespace: gVisor's overlay takes nothing else as upper layer, and it goes away
# with the run.
SCRATCH = Path("/run/k3s-in-gvisor")
SCRATCH_MOUNT = TmpfsMount(id=VIEW_LAYER, target=str(SCRATCH), reason="holds the view's files and the workload's links")


@attrs.frozen(kw_only=True)
class AppliedPart:
    """What became of one part of the view."""

    id: str
    outcome: StepOutcome
    reason: str
    verified: str


@attrs.frozen(kw_only=True)
class AppliedView:
    """The view in place.

    Attributes:
        launch_plan_json: For the launcher.
        parts: What became of each part.
    """

    launch_plan_json: str
    parts: tuple[AppliedPart, ...]


def apply_view(plan: RunPlan, steps: Steps) -> AppliedView:
    """Apply the plan's view and compose the launcher's plan.

    Args:
        plan: What to do.
        steps: Remembers how to undo what is done here.

    Raises:
        ViewError: The view cannot be applied here; nothing was started.
        OSError: The sandbox refuses a mount or a file.
    """
    steps.apply(SCRATCH_MOUNT)
    layer = str(SCRATCH / "layer")
    not_applicable: dict[str, str] = {}
    if plan.mechanism == "mount":
        Path(layer).mkdir()
        recipe = mount_plan(plan.view, look(plan.view, layer), layer)
        apply_mounts(recipe)
        not_applicable = recipe.not_applicable
    else:
        check_view(plan.view, view_kinds(plan.view), layer)
        materialise(plan.view, layer)
    launch = LaunchPlan(
        mechanism=plan.mechanism,
        argv=supervised(plan),
        env=_environment(plan, SCRATCH / "bin"),
        cwd="/",
        view=plan.view,
        layer=layer,
        observe=_observed(plan),
        delays=_delays(plan),
    )
    return AppliedView(launch_plan_json=to_json(launch), parts=_parts(plan, not_applicable))


def _delays(plan: RunPlan) -> tuple[Delay, ...]:
    return tuple(
        Delay(syscalls=fault.calls, path_prefix=path, seconds=fault.delay_s, on_request=bool(fault.at))
        for fault in plan.faults
        if isinstance(fault, SlowDisk)
        for path in fault.below or ("",)
    )


def _environment(plan: RunPlan, links: Path) -> dict[str, str]:
    environment = {**os.environ, **dict(plan.environment)}
    path = environment.get("PATH", os.defpath)
    if plan.workload == "k3s":
        _k3s_links(Path(plan.argv[0]), links)
        path = f"{links}:{path}"
    environment["PATH"] = ":".join([*plan.path_first, path])
    return environment


def _k3s_links(k3s: Path, links: Path) -> None:
    """Links to k3s under the names it serves by, before the distribution's programs.

    A release brings its own in its data bundle and puts them first; a lone k3s binary (as the original series used) is
    containerd only if it is called so, and would start the distribution's, from whose package only the shim is wanted.
    """
    links.mkdir()
    for name in ("containerd", "kubectl", "crictl", "ctr"):
        (links / name).symlink_to(k3s)


def _observed(plan: RunPlan) -> tuple[str, ...]:
    """Paths that steps put in place: that somebody uses them is the proof that the step was needed."""
    paths: list[str] = []
    for step in plan.steps:
        if isinstance(step, WriteFile | CniPlugin):
            paths.append(step.path)
        elif isinstance(step, BindMount):
            paths.append(step.target)
        elif isinstance(step, Symlink):
            paths += [link.path for link in step.links]
    return tuple(paths)


def _parts(plan: RunPlan, not_applicable: dict[str, str]) -> tuple[AppliedPart, ...]:
    found = []
    for part in plan.view.parts:
        files = [file for file in plan.view.files if file.part == part]
        spoofs = [spoof for spoof in plan.view.statfs if spoof.part == part]
        refused = [reason for path, reason in not_applicable.items() if plan.view.part_of(path) == part]
        if spoofs and "statfs" in not_applicable:
            refused.append(not_applicable["statfs"])
        if refused:
            found.append(AppliedPart(id=part, outcome="skipped", reason="; ".join(refused), verified=""))
        elif plan.mechanism == "mount":
            found.append(AppliedPart(id=part, outcome="applied", reason="mounted", verified=_read_back(files)))
        else:
            rules = counted(len(files), "file") if files else "an answer" if spoofs else "a whole tree"
            found.append(
                AppliedPart(id=part, outcome="applied", reason=f"{plan.mechanism}: rules for {rules}", verified="")
            )
    return tuple(found)


def _read_back(files: list[ViewFile]) -> str:
    for file in files:
        content = Path(file.path).read_text()
        if content != file.content:
            raise ViewError(f"{file.path} reads {content!r} after mounting the view, not {file.content!r}")
    return f"{counted(len(files), 'file')} read back through their own paths" if files else ""
