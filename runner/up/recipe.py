"""Turns an experiment into a recipe for a cluster that people use: its workarounds stay, its questions go. Pure."""

from collections.abc import Mapping

import attrs

from runner.model.experiment import Expected, Experiment
from runner.model.kinds import Milestone, WorkloadKind
from runner.model.step import BindMount, ImagePreload, Manifest

# The first rung has a node to offer, the second only an API.
USABLE: tuple[Milestone, ...] = ("node-ready", "poststart-hooks-done")
IMAGES = "/var/lib/rancher/k3s/agent/images"


class RecipeError(ValueError):
    """What was asked for cannot be a cluster; the user's to correct (exit code 64)."""


def recipe(experiment: Experiment, *, images: Mapping[str, str] | None = None) -> Experiment:
    """The experiment without the objects that it creates and the claims that it makes.

    Args:
        experiment: Its steps are the recipe.
        images: Image archives that containerd imports at its start: absolute path -> how its name has to end.

    Raises:
        RecipeError: The experiment is expected to end by itself, so it leaves nothing to use; or there are images, and no
            node to run them.
    """
    expected = experiment.expected_for("k3s")
    if expected.blockers:
        raise RecipeError(
            f"{experiment.name} ends with {', '.join(expected.blockers)}, which leaves no cluster to use; "
            "leave EXP out for the best known recipe"
        )
    target: Milestone = "node-ready"
    if any(step.id == "disable-agent" for step in experiment.steps):
        target = "poststart-hooks-done"
        if images:
            raise RecipeError(f"--image: {experiment.name} has no node that could run it; leave the option out")
    archives = tuple(
        BindMount(
            id=f"image-{number}",
            source=path,
            target=f"{IMAGES}/image-{number}{suffix}",
            reason="asked for by --image",
        )
        for number, (path, suffix) in enumerate((images or {}).items(), start=1)
    )
    return attrs.evolve(
        experiment,
        steps=(*archives, *(step for step in experiment.steps if not isinstance(step, Manifest) or step.serves)),
        assertions=(),
        target=target,
        hold_s=0.0,
        other_goals=(),
        expected=(Expected(verdict="pass", ended_by="target-reached", reaches=target),),
    )


def image_names(experiment: Experiment, workload: WorkloadKind) -> tuple[str, ...]:
    """References of the images that pods can use without a registry, the infrastructure's own left out."""
    return tuple(
        step.name
        for step in experiment.steps
        if isinstance(step, ImagePreload) and workload in step.workloads and "pause" not in step.name
    )
