"""The same program must see the same under every mechanism; mounts, where the kernel does the work, are the oracle.

Lines name result, error, contents, flags, kept registers and untouched buffers. Not compared, because no two filesystems
agree on them: inodes, times, link counts of directories, free space, device numbers.
"""

import difflib

import pytest
from launcher_driver import World, make_world, run

pytestmark = pytest.mark.ptrace


def lines_under(tmp_path, program, arguments, mechanism, **options):
    """What a program prints in a world of its own; equal paths, so that lines can be compared."""
    world = make_world(tmp_path / "world")
    try:
        outcome = run(world, mechanism, [program, *arguments(world)], env=environment(world), **options)
    finally:
        world.remove()
    assert outcome.code == 0, outcome
    return outcome.output.splitlines()


def environment(world: World) -> dict[str, str]:
    return {"TREE": str(world.tree), "OUT": str(world.out), "SINGLE": str(world.single)}


def differences(expected, found):
    return list(difflib.unified_diff(expected, found, "mounted", "found", lineterm="", n=0))


@pytest.mark.parametrize("context", ["main", "thread", "vfork"])
@pytest.mark.parametrize("static", [True, False], ids=["static", "dynamic"])
def test_a_c_program_sees_the_same(build, tmp_path, context, static):
    program = build.c("cases", static=static)

    def arguments(_world):
        return [context]

    expected = lines_under(tmp_path, program, arguments, "mount")
    assert len(expected) > 1000
    assert not [
        line for line in expected if "registers changed" in line or "was changed" in line or "REGISTERS" in line
    ]
    for mechanism in ("seccomp", "syscall"):
        assert not differences(expected, lines_under(tmp_path, program, arguments, mechanism))


@pytest.mark.parametrize("context", ["main", "thread", "child"])
def test_a_go_program_sees_the_same(build, tmp_path, context):
    program = build.go("gocases")

    def arguments(_world):
        return [context]

    expected = lines_under(tmp_path, program, arguments, "mount")
    assert len(expected) > 300
    assert not [line for line in expected if "changed" in line]
    for mechanism in ("seccomp", "syscall"):
        assert not differences(expected, lines_under(tmp_path, program, arguments, mechanism))


def test_a_copy_with_live_files_shows_the_same_as_an_overlay(build, tmp_path):
    program = build.c("cases", static=True)

    def arguments(_world):
        return ["main"]

    expected = lines_under(tmp_path, program, arguments, "mount")
    assert not differences(expected, lines_under(tmp_path, program, arguments, "mount", refuse_overlay=True))


def test_a_go_program_with_64_goroutines_reads_no_wrong_byte(build, tmp_path):
    program = build.go("manygo")

    def arguments(world):
        return [str(world.tree)]

    expected = lines_under(tmp_path, program, arguments, "mount")
    assert "wrong 0 done 8193" in expected
    for mechanism in ("seccomp", "syscall"):
        assert not differences(expected, lines_under(tmp_path, program, arguments, mechanism))
