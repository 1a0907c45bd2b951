"""Facts in, mounts out."""

import pytest

from runner.intercept.mount_plan import (
    Bind,
    How,
    MakeLink,
    MountFacts,
    MountOverlay,
    MountTmpfs,
    RealEntry,
    WriteFile,
    mount_plan,
)
from runner.intercept.rules import Kind
from runner.intercept.view_layer import ViewError
from runner.model.view import StatfsSpoof, View, ViewFile, ViewTree

LAYER = "/run/layer"
FILE, DIRECTORY, NOTHING = Kind.FILE, Kind.DIRECTORY, Kind.NOTHING


def file(path, content="x"):
    return ViewFile(path=path, content=content, reason="test", part="test")


TREE = ViewTree(prefix="/proc/sys", part="test")
VIEW = View(trees=(TREE,), files=(file("/proc/sys/vm/panic"), file("/proc/sys/new/a", "a\n")))
ENTRIES = {
    "/proc/sys": (RealEntry("kernel", DIRECTORY), RealEntry("vm", DIRECTORY)),
    "/proc/sys/kernel": (RealEntry("ostype", FILE), RealEntry("msgmax", FILE, writable=True)),
    "/proc/sys/vm": (RealEntry("panic", FILE, writable=True), RealEntry("swap", FILE, writable=True)),
}
KINDS = {"/proc/sys": DIRECTORY, "/proc": DIRECTORY, "/proc/sys/vm/panic": FILE, "/proc/sys/new/a": NOTHING}


def facts(overlay=None, kinds=None, entries=None):
    return MountFacts(kinds={**KINDS, **(kinds or {})}, entries=entries or ENTRIES, overlay=overlay or {})


OVERLAY_WORKS = {"/proc/sys": ""}
REFUSED = {"/proc/sys": "maximum fs stacking depth exceeded"}


def test_everything_made_up_is_on_a_filesystem_of_its_own_before_anything_else():
    plan = mount_plan(VIEW, facts(OVERLAY_WORKS), LAYER)
    assert plan.actions[0] == MountTmpfs(LAYER)
    assert WriteFile(LAYER + "/proc/sys/new/a", "a\n") in plan.actions


def test_an_overlay_where_the_sandbox_allows_it():
    plan = mount_plan(VIEW, facts(OVERLAY_WORKS), LAYER)
    assert plan.applied == {"/proc/sys": How.OVERLAY}
    (overlay,) = [action for action in plan.actions if isinstance(action, MountOverlay)]
    assert (overlay.lower, overlay.upper, overlay.target) == ("/proc/sys", LAYER + "/proc/sys", "/proc/sys")


def test_real_writable_files_stay_real_over_the_overlay():
    plan = mount_plan(VIEW, facts(OVERLAY_WORKS), LAYER)
    overlay_at = next(at for at, action in enumerate(plan.actions) if isinstance(action, MountOverlay))
    live = {action.target for action in plan.actions[overlay_at:] if isinstance(action, Bind)}
    assert live == {"/proc/sys/kernel/msgmax", "/proc/sys/vm/swap"}
    saved = Bind("/proc/sys", LAYER + "/.real/proc/sys", apart=True)
    assert plan.actions.index(saved) < overlay_at


def test_a_copy_binds_every_real_entry_and_nothing_that_is_made_up():
    plan = mount_plan(VIEW, facts(REFUSED), LAYER)
    assert plan.applied == {"/proc/sys": How.COPY}
    binds = [action for action in plan.actions if isinstance(action, Bind) and action.recursive]
    assert {bind.target for bind in binds} == {
        LAYER + "/proc/sys/kernel",
        LAYER + "/proc/sys/vm/swap",
        "/proc/sys",
    }
    assert plan.actions[-1] == Bind(LAYER + "/proc/sys", "/proc/sys", recursive=True)


def test_a_copy_keeps_links_as_links():
    entries = {"/proc/sys": (RealEntry("l", Kind.LINK, link="kernel"), RealEntry("vm", DIRECTORY)), "/proc/sys/vm": ()}
    plan = mount_plan(VIEW, facts(REFUSED, entries=entries), LAYER)
    assert MakeLink(LAYER + "/proc/sys/l", "kernel") in plan.actions


DISKSTATS = View(trees=(TREE,), files=(file("/proc/diskstats"),))


def test_a_single_file_that_exists_is_bound_over():
    plan = mount_plan(DISKSTATS, facts(OVERLAY_WORKS, {"/proc/diskstats": FILE}), LAYER)
    assert plan.actions[-1] == Bind(LAYER + "/proc/diskstats", "/proc/diskstats")
    assert plan.applied["/proc/diskstats"] is How.BIND


SYS_TREE = ViewTree(prefix="/sys/kernel", part="test")
SYS_STATS = View(trees=(SYS_TREE,), files=(file("/sys/stats"),))
SYS_KINDS = {"/sys": DIRECTORY, "/sys/kernel": DIRECTORY, "/sys/stats": NOTHING}


def test_a_single_file_that_is_missing_takes_an_overlay_over_its_directory_and_the_tree_is_in_it():
    plan = mount_plan(SYS_STATS, facts({"/sys": "", "/sys/kernel": ""}, SYS_KINDS), LAYER)
    overlays = [action.target for action in plan.actions if isinstance(action, MountOverlay)]
    assert overlays == ["/sys"]
    assert plan.applied == {"/sys/stats": How.OVERLAY, "/sys/kernel": How.OVERLAY}


def test_a_single_file_that_cannot_be_is_reported_and_the_rest_is_applied():
    plan = mount_plan(SYS_STATS, facts({"/sys": "Invalid argument", "/sys/kernel": ""}, SYS_KINDS), LAYER)
    assert "Invalid argument" in plan.not_applicable["/sys/stats"]
    assert plan.applied == {"/sys/kernel": How.OVERLAY}


def test_no_overlay_lies_over_proc_itself_where_it_would_break_the_links_of_processes():
    plan = mount_plan(DISKSTATS, facts({"/proc": "", "/proc/sys": ""}, {"/proc/diskstats": NOTHING}), LAYER)
    assert "/proc/diskstats" in plan.not_applicable
    assert plan.applied == {"/proc/sys": How.OVERLAY}


def test_mounts_cannot_spoof_statfs_and_say_so():
    view = View(statfs=(StatfsSpoof(real_type=1, shown_type=2, part="test"),))
    assert "statfs" in mount_plan(view, facts(), LAYER).not_applicable


@pytest.mark.parametrize(
    ("view", "layer", "kinds", "says"),
    [
        (View(trees=(ViewTree(prefix="/", part="t"),)), LAYER, {"/": DIRECTORY}, "the view's tree is /"),
        (View(trees=(TREE,)), "/proc/sys/layer", {}, "below the view's tree /proc/sys: a loop"),
        (View(trees=(TREE,)), "/proc/sys", {}, "a loop"),
        (View(trees=(TREE,)), "/proc", {}, "below the layer /proc: a loop"),
        (View(trees=(TREE,)), LAYER, {"/proc/sys": NOTHING}, "is no directory here .found: nothing"),
        (View(trees=(TREE,)), LAYER, {"/proc/sys": Kind.LINK}, "found: link"),
        (DISKSTATS, LAYER, {"/proc/diskstats": DIRECTORY}, "that is a directory here"),
    ],
)
def test_a_view_that_cannot_be_applied_is_refused_before_anything(view, layer, kinds, says):
    with pytest.raises(ViewError, match=says):
        mount_plan(view, facts(OVERLAY_WORKS, kinds), layer)
