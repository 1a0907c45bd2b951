"""What tracers get wrong: signals, threads, new programs, other roots. Each program checks itself."""

import sys
from pathlib import Path

import attrs
import pytest
from launcher_driver import make_world, run, start

from runner.model.view import StatfsSpoof

pytestmark = pytest.mark.ptrace
TRACING = pytest.mark.parametrize("mechanism", ["seccomp", "syscall"])


@pytest.fixture
def manners(build, world):
    """Runs one subcommand on the redirected file."""
    program = build.c("manners", static=True)

    def go(mechanism, what, *arguments, path="only/new", **options):
        outcome = run(world, mechanism, [program, what, str(world.tree / path), *map(str, arguments)], **options)
        assert outcome.code == 0, outcome
        return outcome

    return go


@TRACING
def test_a_storm_of_signals_and_stops_spoils_no_open(manners, mechanism):
    outcome = manners(mechanism, "storm", 300)
    assert outcome.output == "wrong=0 enough=1 caught=1\n"
    assert outcome.report.stops["signal"] > 100


@pytest.mark.parametrize(("mechanism", "threads"), [("seccomp", 10_000), ("syscall", 1000)])
def test_threads_are_born_and_die_in_any_order_of_reports(manners, mechanism, threads):
    assert manners(mechanism, "births", threads).output == f"wrong=0 done={threads}\n"


@TRACING
def test_a_program_replaced_from_another_thread_is_followed(manners, mechanism):
    assert manners(mechanism, "execthread", 1).output == "after: plain=1 odd=1\n"


@TRACING
def test_a_blocked_open_is_restarted_and_keeps_its_registers(manners, mechanism):
    assert manners(mechanism, "fifo", path="only/fifo").output == "through\nkept=1 interrupted=1\n"


@TRACING
def test_the_tracers_own_signals_belong_to_the_program(manners, mechanism):
    assert manners(mechanism, "signals").output == (
        "caught 5\ncaught 5\nstopped=1 by 19\ncaught 18\ncode=7\nSIGPIPE default=1 blocked=0\n"
    )


@TRACING
def test_children_by_fork_and_vfork_find_scratch_memory_of_their_own(manners, mechanism):
    assert manners(mechanism, "forks", 60).output == "good=60\n"


@TRACING
def test_a_program_that_closes_everything_is_still_redirected(manners, mechanism):
    assert manners(mechanism, "closed").output == "plain=1 odd=1 stat=0\n"


@TRACING
def test_another_root_is_left_alone(manners, world, mechanism):
    root = world.base / "root"
    inside = root / str(world.tree / "only").lstrip("/")
    inside.mkdir(parents=True)
    (inside / "new").write_text("of the other root\n")
    (root / "proc").mkdir()
    outcome = manners(mechanism, "chroot", root)
    assert outcome.output == "in another root: of the other root\n"
    assert outcome.report.redirects_by_path == {}


@TRACING
def test_another_mount_namespace_in_which_the_tree_is_another_is_left_alone(manners, world, mechanism):
    other = world.base / "other"
    (other / "only").mkdir(parents=True)
    (other / "only/new").write_text("of the other tree\n")
    outcome = manners(mechanism, "otherworld", other, world.tree)
    assert outcome.output == "in another mount namespace: of the other tree\n"
    assert outcome.report.redirects_by_path == {}


@TRACING
def test_nested_pid_namespaces_have_other_numbers_and_the_same_view(manners, mechanism):
    assert manners(mechanism, "nested", 2).output == "pid 1 plain=1 odd=1\n"


@TRACING
def test_a_containers_profile_that_refuses_a_call_is_obeyed(manners, mechanism):
    assert manners(mechanism, "profile").output == "openat=-1 EACCES stat=0\n"


@TRACING
def test_a_target_of_two_kilobytes_is_written_whole(build, tmp_path, mechanism):
    world = make_world(tmp_path / "world")
    deep = attrs.evolve(world, layer=world.layer / "/".join(["x" * 100] * 20))
    deep.layer.mkdir(parents=True)
    try:
        # Every descriptor closed: the whole path has to go into scratch memory.
        program = build.c("manners", static=True)
        outcome = run(deep, mechanism, [program, "closed", str(world.tree / "only/new")])
    finally:
        world.remove()
    assert outcome.output == "plain=1 odd=1 stat=0\n"


@TRACING
def test_calls_of_other_kinds_are_harmless(manners, mechanism):
    first, second = manners(mechanism, "interrupt80").output.splitlines()
    assert first == "getpid by int 0x80: 1"
    # With the filter x32 calls do not exist; without it the kernel decides.
    assert second == "x32 openat: ENOSYS"


def test_a_miss_costs_exactly_one_stop_and_other_calls_none(manners, world):
    few = manners("seccomp", "rawopens", 10, path="real").report.stops
    many = manners("seccomp", "rawopens", 510, path="real").report.stops
    assert many["seccomp"] - few["seccomp"] == 500
    assert {kind: many[kind] for kind in many if kind != "seccomp"} == {
        kind: few[kind] for kind in few if kind != "seccomp"
    }


def test_a_hit_costs_one_seccomp_stop_and_one_or_two_more(manners):
    few = manners("seccomp", "rawopens", 10)
    many = manners("seccomp", "rawopens", 510)
    stops = {kind: many.report.stops[kind] - few.report.stops.get(kind, 0) for kind in ("seccomp", "syscall")}
    assert stops["seccomp"] == 500
    assert stops["syscall"] in (500, 1000)


@pytest.mark.parametrize(
    ("path", "most"),
    [
        pytest.param("real", 4, id="a miss: wait, registers, text, resume"),
        pytest.param("only/new", 12, id="a hit: two or three stops, and one look at the file"),
    ],
)
def test_what_a_stop_costs_is_counted_in_the_tracers_own_system_calls(build, world, path, most):
    program = build.c("manners", static=True)
    launcher = (sys.executable, str(Path(__file__).parent / "counting_launcher.py"))

    def requests(opens):
        # Not in the tree, where every name has to be looked for: an ordinary file.
        name = world.out / "plain" if path == "real" else world.tree / path
        outcome = start(world, "seccomp", [program, "rawopens", str(name), str(opens)], launcher=launcher).finish()
        return int(outcome.output.split()[-1])

    # Once a second everything is forgotten and asked anew, whatever the machine's pace: a few more, never one each.
    assert requests(1020) - requests(20) <= most * 1000 + 50


@TRACING
def test_statfs_shows_the_other_type_by_path_and_by_descriptor(build, tmp_path, mechanism):
    program = build.c("manners", static=True)
    plain = make_world(tmp_path / "plain")
    real = run(plain, mechanism, [program, "type", str(plain.tree / "real")]).output
    plain.remove()
    kind = int(real.split()[0].rpartition(":")[2], 16)
    world = make_world(tmp_path / "world", statfs=(StatfsSpoof(real_type=kind, shown_type=0xEF5300, part="test"),))
    try:
        shown = run(world, mechanism, [program, "type", str(world.tree / "real")]).output
    finally:
        world.remove()
    assert f":{kind:x} " in real
    assert shown == real.replace(f":{kind:x}", ":ef5300")
    assert "bad=-1:EFAULT" in shown
