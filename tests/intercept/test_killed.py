"""kill -9 of a tracee, at every kind of stop: it is forgotten, nothing it held is lost, and everybody else goes on."""

import sys
from pathlib import Path

import pytest
from launcher_driver import start

from runner.intercept.records import Exited, Failed

pytestmark = pytest.mark.ptrace
LAUNCHER = (sys.executable, str(Path(__file__).parent / "killing_launcher.py"))

# What a child has to do so that it stops in the way that it shall be killed at.
DEEDS = {
    "seccomp": "opens {tree}/real 3",
    "hit-exit": "opens {tree}/only/new 3",
    "syscall": "opens {tree}/only/new 3",
    "screener-mapped": "opens {tree}/real 30",
    "table-mapped": "opens {tree}/only/new 200",
    "signal": "storm {tree}/only/new 40",
    "group": "signals {tree}/only/new",
    "event": "births {tree}/only/new 20",
    "exec": "execthread {tree}/only/new 1",
}
# What only one way of tracing stops at: with the filter, every syscall stop belongs to a hit.
NEVER = {("seccomp", "syscall"), ("syscall", "seccomp"), ("syscall", "screener-mapped"), ("syscall", "table-mapped")}


@pytest.mark.parametrize(
    ("mechanism", "kind"),
    [(mechanism, kind) for mechanism in ("seccomp", "syscall") for kind in DEEDS if (mechanism, kind) not in NEVER],
)
def test_a_process_killed_at_its_stop_is_no_error_and_the_others_go_on(build, world, mechanism, kind):
    program = build.c("manners", static=True)
    deed = DEEDS[kind].format(tree=world.tree)
    # The victim dies with its whole process; the shell goes on, its next children too, redirected as ever.
    script = f"{program} {deed} > /dev/null 2>&1; {program} {deed} > /dev/null; cat {world.tree}/only/new"
    outcome = start(world, mechanism, ["sh", "-c", script], launcher=(*LAUNCHER, kind)).finish()
    assert f"killed at {kind}" in outcome.output
    assert outcome.output.endswith("new\n")
    assert outcome.of(Exited)[0].code == 0
    assert not outcome.of(Failed)
    assert outcome.code == 0
