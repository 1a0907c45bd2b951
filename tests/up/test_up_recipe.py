"""A recipe keeps an experiment's workarounds and drops its questions."""

import pytest

from runner.model.step import BindMount, Manifest
from runner.registry import find
from runner.up.recipe import RecipeError, image_names, recipe


def test_the_objects_and_claims_of_the_experiment_are_not_in_the_users_cluster() -> None:
    chosen = recipe(find("69"))
    assert [step.id for step in chosen.steps if isinstance(step, Manifest)] == ["dns"]
    assert (chosen.assertions, chosen.target, chosen.hold_s) == ((), "node-ready", 0.0)
    assert {"routed-veth", "iptables-plain", "node-ip"} <= {step.id for step in chosen.steps}


def test_a_control_plane_is_usable_without_a_node() -> None:
    assert recipe(find("5")).target == "poststart-hooks-done"


def test_an_experiment_that_ends_by_itself_is_refused_with_what_ends_it() -> None:
    with pytest.raises(RecipeError, match="exp13 ends with flannel-vxlan-unsupported"):
        recipe(find("13"))


def test_the_users_images_lie_where_containerd_imports_from_under_names_it_takes() -> None:
    mounts = [
        step
        for step in recipe(find("68"), images={"/a/x.tar": ".tar", "/b/y.tgz": ".tar.gz"}).steps
        if isinstance(step, BindMount)
    ]
    assert [(step.source, step.target.rpartition("/")[2]) for step in mounts if step.id.startswith("image")] == [
        ("/a/x.tar", "image-1.tar"),
        ("/b/y.tgz", "image-2.tar.gz"),
    ]


def test_the_images_that_pods_can_use_are_named_and_the_infrastructures_own_is_not() -> None:
    assert image_names(recipe(find("68")), "k3s") == ("docker.io/local/busybox:1",)
    assert image_names(recipe(find("68")), "standin") == ()
