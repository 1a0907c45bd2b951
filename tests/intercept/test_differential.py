"""The same program must see the same under every mechanism; mounts, where the kernel does the work, are the oracle."""

import difflib

import pytest

from launcher_driver import World, make_world, run

pytestmark = pytest.mark.ptrace


def environment(world: World) -> dict[str, str]:
    return {"TREE": str(world.tree), "OUT": str(world.out), "SINGLE": str(world.single)}


@pytest.mark.parametrize("context", ["main", "thread", "vfork"])
@pytest.mark.parametrize("static", [True, False], ids=["static", "dynamic"])
def test_c_program_sees_the_same(build, tmp_path, context, static):
    program = build.c("cases", static=static)
    world = make_world(tmp_path / "world")
    outputs = {}
    for mechanism in ("mount", "seccomp", "syscall"):
        outcome = run(world, mechanism, [program, context], env=environment(world))
        assert outcome.code == 0, outcome
        outputs[mechanism] = outcome.output.splitlines()
    for mechanism in ("seccomp", "syscall"):
        assert not list(difflib.unified_diff(outputs["mount"], outputs[mechanism], "mount", mechanism, lineterm="", n=0))
