"""What cannot be done is refused before anything starts, and the message says what, where and what to do."""

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest
from launcher_driver import ROOT

from runner.intercept import abi_x86_64 as abi
from runner.intercept import bpf
from runner.intercept.libc import install_filter
from runner.intercept.mounts import look
from runner.intercept.plan import LaunchPlan, to_json
from runner.intercept.records import Failed, Started, from_line
from runner.intercept.view_layer import ViewError
from runner.model.view import View, ViewFile, ViewTree

pytestmark = pytest.mark.ptrace
TRACING = pytest.mark.parametrize("mechanism", ["seccomp", "syscall"])


def launch(plan_json: str, *, before: tuple[str, ...] = (), preexec=None) -> list[object]:
    """The records of a launcher that was given a plan."""
    plan_read, plan_write = os.pipe()
    events_read, events_write = os.pipe()
    words = [sys.executable, "-m", "runner.intercept", "--plan-fd", str(plan_read), "--events-fd", str(events_write)]
    process = subprocess.Popen(
        [*before, *words],
        cwd=ROOT,
        pass_fds=(plan_read, events_write),
        preexec_fn=preexec,  # noqa: PLW1509  the tests have one thread
    )
    os.close(plan_read)
    os.close(events_write)
    with os.fdopen(plan_write, "w") as file:
        file.write(plan_json)
    with os.fdopen(events_read, "rb") as events:
        records = [from_line(line) for line in events]
    assert process.wait(30) == 2
    return records


def refusal(records: list[object]) -> str:
    """The one reason; nothing was started."""
    assert not [record for record in records if isinstance(record, Started)]
    (failed,) = [record for record in records if isinstance(record, Failed)]
    return failed.what


def plan_for(world, view: View, mechanism: str, layer: Path | None = None) -> LaunchPlan:
    return LaunchPlan(
        mechanism=mechanism,
        argv=("touch", str(world.out / "started")),
        env={"PATH": os.environ["PATH"]},
        view=view,
        layer=str(layer or world.layer),
    )


def tree(path: object) -> View:
    return View(trees=(ViewTree(prefix=str(path), part="test"),))


@TRACING
@pytest.mark.parametrize(
    ("view", "layer", "says"),
    [
        pytest.param(lambda w: tree(w.base / "none"), None, "is no directory here (found: nothing)", id="missing"),
        pytest.param(lambda w: tree(w.out / "plain"), None, "is no directory here (found: file)", id="a file"),
        pytest.param(lambda w: tree(w.out / "to-tree"), None, "is no directory here (found: link)", id="a link"),
        pytest.param(lambda _: tree("/"), None, "the layer would lie in its own tree", id="everything"),
        pytest.param(lambda w: tree(w.tree), lambda w: w.tree / "layer", "a loop; put the layer elsewhere", id="loop"),
        pytest.param(lambda w: tree(w.tree), lambda w: w.base, "a loop; put the layer elsewhere", id="other loop"),
        pytest.param(
            lambda w: View(files=(ViewFile(path=str(w.tree), content="", reason="test", part="test"),)),
            None,
            "that is a directory here; make it a tree",
            id="a file where a directory is",
        ),
    ],
)
def test_a_view_that_fits_no_arena_like_this_one(world, mechanism, view, layer, says):
    plan = plan_for(world, view(world), mechanism, layer(world) if layer else None)
    assert says in refusal(launch(to_json(plan)))
    assert not (world.out / "started").exists()


@pytest.mark.parametrize(
    ("change", "says"),
    [
        ({"trees": [{"prefix": "proc/sys", "part": "test"}]}, "proc/sys"),
        ({"files": [{"path": "x/y", "content": "", "reason": "r", "part": "test"}]}, "x/y"),
        ({"trees": [{"prefix": "/a", "part": "t"}, {"prefix": "/a", "part": "t"}]}, "the view names /a twice"),
        ({"trees": [{"prefix": "/a", "part": "t", "colour": "red"}]}, "unknown keys ['colour']"),
    ],
    ids=["relative tree", "relative file", "twice", "unknown key"],
)
def test_a_view_that_is_none_is_refused_by_its_words(world, change, says):
    document = json.loads(to_json(plan_for(world, View(), "seccomp")))
    document["view"] = {**document["view"], **change}
    assert says in refusal(launch(json.dumps(document)))


@TRACING
def test_another_architecture_is_refused_at_the_start(world, mechanism):
    # setarch makes uname say i686; registers and numbers would be others there.
    said = refusal(launch(to_json(plan_for(world, tree(world.tree), mechanism)), before=("setarch", "i686")))
    assert "this machine is i686; interception knows x86_64 only: use the mechanism 'mount'" in said


def refuse_ptrace() -> None:
    """What a container's profile does."""
    eperm = bpf.RET_ERRNO | 1
    instructions = [
        bpf.Instruction(bpf.LOAD_WORD, 0, 0, bpf.OFFSET_NUMBER),
        bpf.Instruction(bpf.JUMP_EQUAL, 0, 1, abi.NUMBERS["ptrace"]),
        bpf.Instruction(bpf.RETURN, 0, 0, eperm),
        bpf.Instruction(bpf.RETURN, 0, 0, bpf.RET_ALLOW),
    ]
    install_filter(b"".join(instruction.pack() for instruction in instructions))


@TRACING
def test_an_arena_that_forbids_ptrace_is_refused_with_who_may_have_forbidden_it(world, mechanism):
    said = refusal(launch(to_json(plan_for(world, tree(world.tree), mechanism)), preexec=refuse_ptrace))
    assert "Operation not permitted; another tracer, a container's profile or yama forbids it" in said


def test_the_mount_mechanism_refuses_the_same_before_it_mounts_anything(world):
    before = Path("/proc/self/mounts").read_text()
    with pytest.raises(ViewError, match="is no directory here"):
        look(tree(world.base / "none"), str(world.layer))
    assert Path("/proc/self/mounts").read_text() == before
