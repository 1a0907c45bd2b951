"""The same program must see the same under every mechanism; mounts, where the kernel does the work, are the oracle.

Lines name result, error, contents, flags, kept registers and untouched buffers. Not compared, because no two filesystems
agree on them: inodes, times, link counts of directories, free space, device numbers.
"""

import shutil
from pathlib import Path

import pytest
from building import Build
from differential import SUBJECTS, compare, lines_under, suite
from differential import build as build_subjects
from launcher_driver import World, make_world, run
from places import GVISORS, in_gvisor

pytestmark = pytest.mark.ptrace
MECHANISMS = ("seccomp", "syscall")
WRONG = ("registers changed", "was changed", "REGISTERS")


@pytest.fixture(scope="module")
def programs(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Every subject's program."""
    directory = tmp_path_factory.mktemp("subjects")
    build_subjects(directory)
    return directory


@pytest.mark.parametrize("subject", SUBJECTS, ids=lambda subject: subject.name)
def test_a_program_sees_the_same_under_every_mechanism(programs, tmp_path, subject):
    for one in suite(programs, tmp_path / "world", (subject,), MECHANISMS):
        assert (one.differences, one.waived) == ((), 0), one
        assert one.cases > 400


@pytest.mark.parametrize("subject", SUBJECTS, ids=lambda subject: subject.name)
def test_the_oracle_itself_keeps_registers_and_texts(programs, tmp_path, subject):
    lines = lines_under(tmp_path / "world", "mount", [str(programs / subject.program), "main"])
    assert not [line for line in lines if any(wrong in line for wrong in WRONG)]


@pytest.mark.skipif(shutil.which("proot") is None, reason="proot is not installed")
def test_proot_as_a_second_oracle_agrees_where_it_knows_the_call(programs, tmp_path):
    subject = SUBJECTS[0]
    argv = [str(programs / subject.program), "main"]
    expected = lines_under(tmp_path / "world", "mount", argv)
    one = compare(expected, lines_under(tmp_path / "world", "proot", argv), subject, "main", "proot")
    # Lines that changed appear twice. What is left are its own gaps: registers and errors of odd spellings.
    assert len(one.differences) / 2 < (one.cases - one.waived) * 0.1


def test_a_copy_with_live_files_shows_the_same_as_an_overlay(programs, tmp_path):
    argv = [str(programs / SUBJECTS[0].program), "main"]
    expected = lines_under(tmp_path / "world", "mount", argv)
    assert lines_under(tmp_path / "world", "mount", argv, refuse_overlay=True) == expected


@pytest.mark.sandbox
@pytest.mark.parametrize("name", GVISORS)
def test_a_program_in_gvisor_sees_the_same_under_every_mechanism(programs, name):
    # One static program of each kind; all of them everywhere is the table of docs/interception.md.
    document = in_gvisor(name, programs, "cases-static", "gocases", "without-proot")
    assert "gvisor" in document["kernel"] or document["kernel"].startswith("4.4")
    asked = [s for s in SUBJECTS if s.program in ("cases-static", "gocases")]
    assert len(document["comparisons"]) == sum(len(s.contexts) * len(s.mechanisms(MECHANISMS)) for s in asked)
    for one in document["comparisons"]:
        assert not one["differences"], one
        assert one["cases"] > 400


def test_a_go_program_with_64_goroutines_reads_no_wrong_byte(build: Build, tmp_path: Path) -> None:
    program = build.go("manygo")

    def lines(mechanism: str) -> list[str]:
        world: World = make_world(tmp_path / "world")
        try:
            outcome = run(world, mechanism, [program, str(world.tree)])
        finally:
            world.remove()
        assert outcome.code == 0, outcome
        return outcome.output.splitlines()

    expected = lines("mount")
    assert "wrong 0 done 8193" in expected
    for mechanism in MECHANISMS:
        assert lines(mechanism) == expected
